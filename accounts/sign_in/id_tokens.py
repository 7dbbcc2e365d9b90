"""Verify the provider's tokens: signer, issuer, audience, expiry.

mozilla-django-oidc checks only the signature and the nonce; the rest of OpenID Connect Core 1.0, section 3.1.3.7, is
here. Only RS256 is accepted: the token's algorithm is compared, never obeyed (RFC 8725, section 3.1).
"""

from __future__ import annotations

from secrets import compare_digest
from typing import Any

import jwt
from django.conf import settings

from accounts.errors import InvalidTokenError
from accounts.sign_in.provider_keys import find_key

Claims = dict[str, Any]

ALGORITHM = "RS256"
# How far the provider's clock and ours may differ.
LEEWAY_S = 30
MAX_SUB_LENGTH = 255  # OpenID Connect Core 1.0, section 2
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def read_id_token(token: object, nonce: str | None) -> Claims:
    """Return the claims of an ID token for our own request. Raises InvalidTokenError, ProviderUnavailableError."""
    claims = require_subject(_verify(token, audience=settings.OIDC_RP_CLIENT_ID))
    _check_authorized_party(claims)
    if not (nonce and isinstance(claims.get("nonce"), str) and _same(claims["nonce"], nonce)):
        raise _invalid("nonce")
    return claims


def read_access_token(token: object) -> Claims:
    """Return the claims of an access token for our API. Raises InvalidTokenError, ProviderUnavailableError.

    ``sub`` may be missing (see `require_subject`): Keycloak omits it without the scope ``basic`` and in lightweight
    tokens.
    """
    claims = _verify(token, audience=settings.OIDC_API_AUDIENCE)
    if "cnf" in claims:
        # Bound to a key of the sender (DPoP, mTLS), whose possession was not proven here: a stolen token looks the same
        # (RFC 7800, RFC 8705, RFC 9449).
        raise _invalid("sender_constrained")
    _check_is_access_token(claims)
    return claims


def read_own_access_token(token: object) -> Claims:
    """Return the claims of the access token that came with an ID token: ours by ``azp``, whatever API it is for."""
    claims = _verify(token, audience=None)
    _check_is_access_token(claims)
    if claims.get("azp") != settings.OIDC_RP_CLIENT_ID:
        raise _invalid("azp")
    return claims


def read_logout_token(token: object) -> Claims:
    """Return the claims of a logout token, without checking for replay.

    See OpenID Connect Back-Channel Logout 1.0, section 2.6. Raises InvalidTokenError, ProviderUnavailableError.
    """
    claims = _verify(token, audience=settings.OIDC_RP_CLIENT_ID)
    events = claims.get("events")
    if not (isinstance(events, dict) and isinstance(events.get(LOGOUT_EVENT), dict)):
        raise _invalid("events")
    if "nonce" in claims:
        raise _invalid("nonce")
    if not is_storable_id(claims.get("jti")):
        raise _invalid("jti")
    if "sid" in claims and not is_storable_id(claims["sid"]):
        raise _invalid("sid")
    if "sub" not in claims and "sid" not in claims:
        raise _invalid("sub_or_sid")
    return claims


def require_subject(claims: Claims) -> Claims:
    """Return the claims unchanged. Raises InvalidTokenError if they have no subject."""
    if "sub" not in claims:
        raise _invalid("no_sub")
    return claims


def is_storable_id(value: object) -> bool:
    """Return whether the database can store this id of the provider."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUB_LENGTH and "\x00" not in value


def _verify(token: object, *, audience: str | None) -> Claims:
    if not isinstance(token, str):
        raise _invalid("missing")
    try:
        claims = _decode(token, audience)
    except jwt.MissingRequiredClaimError as error:
        raise _invalid(f"no_{error.claim}") from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _invalid(type(error).__name__) from None
    if "sub" in claims and not is_storable_id(claims["sub"]):
        raise _invalid("sub")
    return claims


def _decode(token: str, audience: str | None) -> Claims:
    header = jwt.get_unverified_header(token)
    if header.get("alg") != ALGORITHM:
        raise jwt.InvalidAlgorithmError
    if not isinstance(header.get("kid"), str):
        raise jwt.InvalidKeyError
    required = ["iss", "exp", "iat"] + (["aud"] if audience is not None else [])
    claims: Claims = jwt.decode(
        token,
        find_key(header["kid"]),
        algorithms=[ALGORITHM],
        audience=audience,
        issuer=settings.OIDC_ISSUER,
        leeway=LEEWAY_S,
        options={"require": required, "verify_aud": audience is not None},
    )
    return claims


def _check_authorized_party(claims: Claims) -> None:
    """Require our client id as authorized party if there are several audiences (section 3.1.3.7, 4 and 5)."""
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else settings.OIDC_RP_CLIENT_ID) != settings.OIDC_RP_CLIENT_ID:
        raise _invalid("azp")


def _check_is_access_token(claims: Claims) -> None:
    """Refuse an ID token: it is for the client that asked and opens no API (RFC 9068, section 5).

    Keycloak names the kind in ``typ``, and before version 24 puts the nonce into access tokens too; elsewhere a nonce
    marks an ID token, and so does an access token's hash everywhere.
    """
    if claims.get("typ", "Bearer") != "Bearer" or "at_hash" in claims:
        raise _invalid("not_an_access_token")
    if "nonce" in claims and "typ" not in claims:
        raise _invalid("not_an_access_token")


def _same(one: str, other: str) -> bool:
    return compare_digest(one.encode(), other.encode())


def _invalid(reason: str) -> InvalidTokenError:
    return InvalidTokenError("The token is not valid.", reason=reason)
