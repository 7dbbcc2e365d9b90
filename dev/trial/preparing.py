"""Print what the load needs, as JSON: an API key, the id of funded accounts, and the demo's buyers.

Run in the cluster's environment.
"""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

FUNDS = Decimal(1_000_000)


def main(accounts: int) -> None:
    import django

    django.setup()
    print(json.dumps(prepare(accounts)))


def prepare(accounts: int) -> dict[str, Any]:
    """Create it, and return it: ``key`` and ``accounts``. Needs Django to be set up."""
    from accounts.clients.api_keys import create_key
    from accounts.clients.models import ApiClient, Scope
    from accounts.models import User
    from credits.ledger.models import Entry
    from credits.ledger.operations import grant, open_account
    from dev.demo_users import create_demo_users

    list(create_demo_users())
    ids = []
    for number in range(accounts):
        user = User.objects.create(username=f"customer-{number}", email=f"customer-{number}@example.com")
        account = open_account(user)
        grant(account.pk, FUNDS, kind=Entry.Kind.PROMOTION, key="funds", promotional=True)
        ids.append(str(account.pk))
    client = ApiClient.objects.create(name="Trial", oidc_client_id="trial", scopes=[Scope.READ, Scope.SPEND])
    return {"key": create_key(client, name="trial").secret, "accounts": ids}


if __name__ == "__main__":
    main(int(sys.argv[1]))
