"""Tamper with tokens and with the next sign-in, so that tests see whether the application notices."""

from typing import Any

import msgspec

from sandbox.openid import signing


class Forgery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Describe a token to forge: changed claims (None removes one), and options of `signing.sign`."""

    claims: dict[str, Any] = {}
    key: str = "current"
    alg: str = "RS256"
    kid: str | None = None
    typ: str = "JWT"


_next: dict[str, Any] = {}


def forge(claims: dict[str, Any], forgery: Forgery | None) -> str:
    """Sign the claims, tampered with as described."""
    forgery = forgery or Forgery()
    changed = {name: value for name, value in {**claims, **forgery.claims}.items() if value is not None}
    return signing.sign(changed, key=forgery.key, alg=forgery.alg, kid=forgery.kid, typ=forgery.typ)


def set_next(tampered: dict[str, Any]) -> None:
    """Tamper with the next `id_token`, `access_token`, `userinfo` or `token_status`."""
    _next.update(tampered)


def take_next(kind: str) -> Any:
    """Return once how to tamper with an answer of this kind, or None."""
    return _next.pop(kind, None)


def clear() -> None:
    _next.clear()
