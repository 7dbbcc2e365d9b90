"""Who is calling: the secret key of an account, as bearer token or as Basic user name."""

import base64
import binascii
import re

from sandbox.account import get_account
from sandbox.stripe_api.errors import UnauthorizedError

_KEY = re.compile(r"^(sk|rk)_(test|live)_\w{10,}$")


def read_api_key(authorization: str) -> str:
    """The API key of an Authorization header. Raises UnauthorizedError, for a live key too unless it is asked for."""
    key = _extract(authorization)
    if not key:
        raise UnauthorizedError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication"
            " for details, or we can help at https://support.stripe.com/."
        )
    if not _is_accepted(key):
        raise UnauthorizedError(f"Invalid API Key provided: {_mask(key)}")
    return key


def _is_accepted(key: str) -> bool:
    match = _KEY.match(key)
    return match is not None and (match[2] == "test" or get_account().live_keys)


def _extract(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        return _read_basic_user(credentials)
    return ""


def _read_basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _mask(key: str) -> str:
    return f"{key[:8]}{'*' * max(4, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
