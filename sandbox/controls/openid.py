"""Control the provider under `/_sandbox/openid/`: issue tokens, change users, tamper with sign-ins."""

from typing import Annotated, Any
from uuid import UUID

import urllib3
from msgspec import Meta

from sandbox.base_url import get_base_url
from sandbox.controls.answering import ControlError
from sandbox.openid import signing, tampering, tokens, users
from sandbox.openid.models import User
from sandbox.openid.tampering import Forgery
from sandbox.options import get_options
from sandbox.shapes import Json

_LOGOUT_PATH = "/oidc/backchannel-logout/"
_pool = urllib3.PoolManager(retries=False, timeout=10.0)


def mint_tokens(
    *,
    username: str | None = None,
    client: str | None = None,
    expires_in: int = 300,
    claims: Json = {},  # noqa: B006 - never changed
    key: str = "current",
    alg: str = "RS256",
    kid: str | None = None,
    typ: str = "JWT",
) -> Json:
    """Issue tokens for a user, or for a client, valid or tampered with."""
    issuer, forgery = _get_issuer(), Forgery(claims, key, alg, kid, typ)
    if client:
        service = tokens.make_service_claims(issuer, client_id=client, expires_in=expires_in)
        return {"access_token": tampering.forge(service, forgery)}
    user = _get_user(username)
    access = tokens.make_access_claims(user, issuer, expires_in=expires_in)
    identity = tokens.make_id_claims(user, issuer, expires_in=expires_in)
    return {
        "access_token": tampering.forge(access, forgery),
        "id_token": tampering.forge(identity, forgery),
    }


def save_user(
    *,
    username: str,
    password: str | None = None,
    sub: UUID | None = None,
    email: str | None = None,
    given_name: str | None = None,
    family_name: str | None = None,
    roles: list[str] | None = None,
) -> Json:
    """Change or create a user."""
    given = {name: value for name, value in locals().items() if value is not None}
    changes = {name: value for name, value in given.items() if name not in ("username", "password")}
    user = users.save_user(username, password, changes)
    return {"sub": str(user.pk), "username": user.username, "email": user.email, "roles": user.roles}


def tamper_with_next(
    *,
    id_token: Forgery | None = None,
    access_token: Forgery | None = None,
    userinfo: Json | None = None,
    token_status: Annotated[int, Meta(ge=200, le=599)] | None = None,
) -> Json:
    """Tamper with the answers of the next sign-in."""
    given = {name: value for name, value in locals().items() if value is not None}
    tampering.set_next(given)
    return {"ordered": sorted(given)}


def rotate_keys(*, drop_old: bool = False) -> Json:
    """Sign with a new key; `drop_old` also withdraws the former ones."""
    return {"kid": signing.rotate(drop_old=drop_old).thumbprint()}


def log_out(
    *,
    username: str,
    url: str | None = None,
    claims: Json = {},  # noqa: B006 - never changed
    key: str = "current",
    alg: str = "RS256",
    kid: str | None = None,
    typ: str = "logout+jwt",
) -> Json:
    """Report the end of a user's session to the application by its back channel, and return its answer.

    The token can be tampered with as in `mint_tokens`; `url` replaces the application's usual address.
    """
    logout = tokens.make_logout_claims(_get_user(username), _get_issuer())
    token = tampering.forge(logout, Forgery(claims, key, alg, kid, typ))
    url = url or get_options().app_url.rstrip("/") + _LOGOUT_PATH
    return {"logout_token": token, **_post_logout(url, token)}


def _post_logout(url: str, token: str) -> dict[str, Any]:
    """Post the token once (OpenID Connect Back-Channel Logout 1.0, section 2.5). Return the answer or the error."""
    try:
        answer = _pool.request("POST", url, fields={"logout_token": token}, encode_multipart=False)
    except urllib3.exceptions.HTTPError as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"status": answer.status, "body": answer.data.decode(), "headers": dict(answer.headers)}


def _get_issuer() -> str:
    return f"{get_base_url()}/realms/demo"


def _get_user(username: str | None) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise ControlError(f"no such user: {username}")
    return user
