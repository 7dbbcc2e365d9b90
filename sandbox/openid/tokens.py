"""Make the claims of the provider's tokens, as Keycloak's have them."""

import time
import uuid
from typing import Any

from django.http import HttpRequest
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import Request

from sandbox.openid import tampering
from sandbox.openid.models import User
from sandbox.openid.users import SERVICE_CLIENT, WEB_CLIENT

Claims = dict[str, Any]

AUDIENCE = "credits"
# What Keycloak gives every user of a realm, and puts into each of their access tokens.
DEFAULT_ROLES = ["default-roles-demo", "offline_access", "uma_authorization"]
ACCOUNT_ROLES = ["manage-account", "manage-account-links", "view-profile"]
SERVICE_SUB = "00000000-0000-4000-8000-0000000000c1"


def describe_user(user: User) -> Claims:
    """Return the claims of the scopes `profile` and `email`."""
    claims: Claims = {
        "preferred_username": user.username,
        "name": user.name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "email_verified": bool(user.email),
    }
    if user.email:
        claims["email"] = user.email
    return claims


def make_access_claims(
    user: User, issuer: str, *, client_id: str = WEB_CLIENT, expires_in: int = 300
) -> Claims:
    """Return the claims of an access token for the application's API. By Keycloak's defaults only it has roles."""
    return {
        **_stamp(issuer, expires_in, "Bearer", client_id),
        "aud": [AUDIENCE, "account"],
        "sub": str(user.pk),
        "sid": _get_session_id(user),
        "scope": "openid profile email",
        "realm_access": {"roles": [*DEFAULT_ROLES, *user.roles]},
        "resource_access": {"account": {"roles": list(ACCOUNT_ROLES)}},
        **describe_user(user),
    }


def make_service_claims(issuer: str, *, client_id: str = SERVICE_CLIENT, expires_in: int = 300) -> Claims:
    """Return the claims of a token from client credentials: of the client's service account, without a user."""
    return {
        **_stamp(issuer, expires_in, "Bearer", client_id),
        "aud": AUDIENCE,
        "sub": SERVICE_SUB,
        "client_id": client_id,
        "clientHost": "127.0.0.1",
        "clientAddress": "127.0.0.1",
        "email_verified": False,
        "preferred_username": f"service-account-{client_id}",
        "scope": "profile email",
        "realm_access": {"roles": ["service"]},
    }


def make_id_claims(user: User, issuer: str, *, expires_in: int = 300) -> Claims:
    """Return the claims of an id token for the web client. It has no roles, as at Keycloak without a mapper."""
    return {
        **_stamp(issuer, expires_in, "ID", WEB_CLIENT),
        "aud": WEB_CLIENT,
        "sub": str(user.pk),
        "sid": _get_session_id(user),
        **describe_user(user),
    }


def make_logout_claims(user: User, issuer: str, *, expires_in: int = 120) -> Claims:
    """Return the claims of a logout token for the web client: the user's session has ended."""
    now = int(time.time())
    return {
        "exp": now + expires_in,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "aud": WEB_CLIENT,
        "sub": str(user.pk),
        "typ": "Logout",
        "sid": _get_session_id(user),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


def _get_session_id(user: User) -> str:
    """Return the id of the user's newest session, the only one that counts."""
    return str(uuid.uuid5(user.pk, str(user.last_login)))


def generate_access_token(request: Request) -> str:
    """Issue access tokens as JWTs, which services can check by themselves. Called by django-oauth-toolkit."""
    issuer, client_id = find_issuer(request), request.client.client_id
    if request.grant_type == "client_credentials":
        return tampering.forge(make_service_claims(issuer, client_id=client_id), None)
    claims = make_access_claims(request.user, issuer, client_id=client_id)
    return tampering.forge(claims, tampering.take_next("access_token"))


def find_issuer(request: HttpRequest | Request) -> str:
    issuer: str = oauth2_settings.oidc_issuer(request)
    return issuer


def _stamp(issuer: str, expires_in: int, typ: str, client_id: str) -> Claims:
    now = int(time.time())
    return {
        "exp": now + expires_in,
        # A token issued as expired must not be issued after its expiry.
        "iat": min(now, now + expires_in - 300) if expires_in < 0 else now,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "typ": typ,
        "azp": client_id,
        "acr": "1",
    }
