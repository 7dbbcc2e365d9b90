"""What the provider's tokens say, claim by claim as Keycloak's do."""

import time
import uuid
from typing import Any

from django.http import HttpRequest
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import Request

from sandbox.openid import orders, signing
from sandbox.openid.models import Person
from sandbox.openid.people import SERVICE_CLIENT, WEB_CLIENT

Claims = dict[str, Any]

AUDIENCE = "credits"
SERVICE_SUB = "00000000-0000-4000-8000-0000000000c1"


def describe_person(person: Person) -> Claims:
    """The claims of the scopes `profile` and `email`."""
    claims: Claims = {
        "preferred_username": person.username,
        "name": person.name,
        "given_name": person.given_name,
        "family_name": person.family_name,
    }
    if person.email:
        claims |= {"email": person.email, "email_verified": True}
    return claims


def make_access_claims(
    person: Person, issuer: str, *, client_id: str = WEB_CLIENT, expires_in: int = 300
) -> Claims:
    """An access token for the application's API. By Keycloak's defaults only it has roles."""
    return {
        **_stamp(issuer, expires_in, "Bearer", client_id),
        "aud": [AUDIENCE, "account"],
        "sub": str(person.pk),
        "sid": session_of(person),
        "scope": "openid profile email",
        "realm_access": {"roles": list(person.roles)},
        **describe_person(person),
    }


def make_service_claims(issuer: str, *, client_id: str = SERVICE_CLIENT, expires_in: int = 300) -> Claims:
    """What client credentials give: a token of the client's service account. No person stands behind it."""
    return {
        **_stamp(issuer, expires_in, "Bearer", client_id),
        "aud": [AUDIENCE, "account"],
        "sub": SERVICE_SUB,
        "client_id": client_id,
        "preferred_username": f"service-account-{client_id}",
        "scope": "profile email",
        "realm_access": {"roles": ["service"]},
    }


def make_id_claims(person: Person, issuer: str, *, expires_in: int = 300) -> Claims:
    """An id token for the web client. It has no roles, as Keycloak's has none unless a mapper is added."""
    return {
        **_stamp(issuer, expires_in, "ID", WEB_CLIENT),
        "aud": WEB_CLIENT,
        "sub": str(person.pk),
        "sid": session_of(person),
        **describe_person(person),
    }


def make_logout_claims(person: Person, issuer: str, *, expires_in: int = 120) -> Claims:
    """A logout token for the web client: the person's session at the provider has ended."""
    now = int(time.time())
    return {
        "exp": now + expires_in,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "aud": WEB_CLIENT,
        "sub": str(person.pk),
        "typ": "Logout",
        "sid": session_of(person),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


def session_of(person: Person) -> str:
    """The id of the session that began when the person last signed in: one at a time, the newest."""
    return str(uuid.uuid5(person.pk, str(person.last_login)))


def forge(claims: Claims, *, changes: Claims | None = None, **signing_options: Any) -> str:
    """Sign the claims after the changes; a change to None takes the claim away."""
    merged = {**claims, **(changes or {})}
    return signing.sign(
        {name: value for name, value in merged.items() if value is not None}, **signing_options
    )


def read_forgery(order: Claims) -> dict[str, Any]:
    """The arguments of `forge` in an order. Raises TypeError for one that doesn't exist."""
    if unknown := set(order) - {"claims", "key", "alg", "kid", "typ"}:
        raise TypeError(f"unknown fields: {', '.join(sorted(unknown))}")
    options = {name: value for name, value in order.items() if name != "claims"}
    return {"changes": order.get("claims"), **options}


def generate_access_token(request: Request) -> str:
    """django-oauth-toolkit's hook: the access token is a JWT, so that services check it without asking."""
    issuer = oauth2_settings.oidc_issuer(request)
    if request.grant_type == "client_credentials":
        return forge(make_service_claims(issuer, client_id=request.client.client_id))
    claims = make_access_claims(request.user, issuer, client_id=request.client.client_id)
    return forge(claims, **read_forgery(orders.take("access_token") or {}))


def find_issuer(request: HttpRequest) -> str:
    issuer: str = oauth2_settings.oidc_issuer(request)
    return issuer


def _stamp(issuer: str, expires_in: int, typ: str, client_id: str) -> Claims:
    now = int(time.time())
    # A token that is to be expired already must not have been issued after it expired.
    issued_at = min(now, now + expires_in - 300) if expires_in < 0 else now
    return {
        "exp": now + expires_in,
        "iat": issued_at,
        "jti": str(uuid.uuid4()),
        "iss": issuer,
        "typ": typ,
        "azp": client_id,
        "acr": "1",
    }
