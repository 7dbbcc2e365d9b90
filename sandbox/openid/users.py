"""Create, change and reset the demo's users and clients."""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from oauth2_provider.models import AccessToken, Application, Grant, IDToken, RefreshToken

from sandbox.openid import tampering
from sandbox.openid.demo_users import DEMO_USERS
from sandbox.openid.models import User
from sandbox.options import get_options

WEB_CLIENT = "credits-web"
SERVICE_CLIENT = "service"


def create_missing() -> None:
    """Create the demo's users and clients unless they exist. Call once the tables exist."""
    if not User.objects.exists():
        _restore_users()
    _ensure_clients()


def reset() -> None:
    """Restore the initial users and remove all tokens. Keys stay: services hold copies of them."""
    tampering.clear()
    with transaction.atomic():
        for model in (RefreshToken, AccessToken, IDToken, Grant):
            model.objects.all().delete()
        User.objects.exclude(sub__in=[user["sub"] for user in DEMO_USERS]).delete()
        _restore_users()
        _ensure_clients()


def save_user(username: str, password: str | None, changes: dict[str, Any]) -> User:
    """Change or create a user.

    A new `sub` for an existing name replaces the user, as a provider does that gives a freed name to someone else.
    """
    if "sub" in changes:
        User.objects.filter(username=username).exclude(sub=changes["sub"]).delete()
    user = User.objects.filter(username=username).first() or User(username=username)
    for name, value in changes.items():
        setattr(user, name, value)
    if password or not user.password:
        user.set_password(password or username)
    user.save()
    return user


def _restore_users() -> None:
    for demo in DEMO_USERS:
        fields = {**demo, "password": make_password(demo["username"])}
        User.objects.update_or_create(sub=demo["sub"], defaults=fields)


def _ensure_clients() -> None:
    # On this machine any port will do, as tests use random ones (RFC 8252, 7.3).
    sites = [get_options().app_url.rstrip("/"), "http://localhost", "http://127.0.0.1", "http://[::1]"]
    _ensure_client(
        WEB_CLIENT,
        secret="credits-web-secret",  # noqa: S106  # published in the docs: it opens nothing but the demo
        grant=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=" ".join(f"{site}/oidc/callback/" for site in sites),
        post_logout_redirect_uris=" ".join(f"{site}/accounts/login/" for site in sites),
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
