"""Who calls over HTTP: a client with an API key, the provider's client, and a user with one of DRF's own tokens."""

from __future__ import annotations

from typing import Any


def load(url: str) -> None:
    import django

    django.setup()


def make_callers(url: str) -> dict[str, Any]:
    """The ``Authorization`` headers, and the accounts to spend from."""
    from rest_framework.authtoken.models import Token

    from accounts.clients.api_keys import create_key
    from accounts.clients.models import ApiClient, Scope
    from accounts.clients.registration import register_client
    from accounts.models import User
    from credits.ledger.models import Account

    client = ApiClient.objects.create(name="Bench", scopes=Scope.values)
    register_client("service")
    token = Token.objects.create(user=User.objects.create(username="bench"))
    return {
        "key": f"Api-Key {create_key(client, name='Bench').secret}",
        "empty": f"Token {token.key}",
        "accounts": [str(pk) for pk in Account.objects.order_by("pk").values_list("pk", flat=True)],
    }
