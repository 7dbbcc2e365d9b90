"""The demo's people and clients: making them, changing them, putting them back as they were."""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from oauth2_provider.models import AccessToken, Application, Grant, IDToken, RefreshToken

from sandbox.openid import orders
from sandbox.openid.demo_people import DEMO_PEOPLE
from sandbox.openid.models import Person
from sandbox.options import get_options

WEB_CLIENT = "credits-web"
SERVICE_CLIENT = "service"
CHANGEABLE = {"sub", "email", "given_name", "family_name", "roles"}


def start() -> None:
    """Make sure that the demo's people and clients are there. Called once, when the tables exist."""
    if not Person.objects.exists():
        _restore_people()
    _ensure_clients()


def reset() -> None:
    """Everything as on the first day: people, tokens, orders. Keys stay: services hold copies of them."""
    orders.clear()
    with transaction.atomic():
        for model in (RefreshToken, AccessToken, IDToken, Grant):
            model.objects.all().delete()
        Person.objects.exclude(sub__in=[person["sub"] for person in DEMO_PEOPLE]).delete()
        _restore_people()
        _ensure_clients()


def save_person(username: str, **changes: Any) -> Person:
    """Change or add a person. Raises TypeError for a field that people don't have.

    A `sub` renames nobody: given for an existing name it makes a new person of that name, as a provider
    does that hands a freed name to someone else.
    """
    password = changes.pop("password", None)
    if unknown := set(changes) - CHANGEABLE:
        raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
    if "sub" in changes:
        Person.objects.filter(username=username).exclude(sub=changes["sub"]).delete()
    person = Person.objects.filter(username=username).first() or Person(username=username)
    for name, value in changes.items():
        setattr(person, name, value)
    if password or not person.password:
        person.set_password(password or username)
    person.save()
    return person


def _restore_people() -> None:
    for demo in DEMO_PEOPLE:
        fields = {**demo, "password": make_password(demo["username"])}
        Person.objects.update_or_create(sub=demo["sub"], defaults=fields)


def _ensure_clients() -> None:
    app_url = get_options().app_url.rstrip("/")
    _ensure_client(
        WEB_CLIENT,
        secret="credits-web-secret",  # noqa: S106  # published in the docs: it opens nothing but the demo
        grant=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=f"{app_url}/oidc/callback/",
        post_logout_redirect_uris=f"{app_url}/accounts/login/",
    )
    service_secret = SERVICE_CLIENT  # the same word, published in the docs
    _ensure_client(SERVICE_CLIENT, secret=service_secret, grant=Application.GRANT_CLIENT_CREDENTIALS)


def _ensure_client(client_id: str, *, secret: str, grant: str, **fields: str) -> None:
    Application.objects.update_or_create(
        client_id=client_id,
        defaults={
            "name": client_id,
            "client_secret": secret,
            "hash_client_secret": False,
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": grant,
            "algorithm": Application.RS256_ALGORITHM,
            "skip_authorization": True,
            **fields,
        },
    )
