"""Who is calling: the secret key of an account, as bearer token or as Basic user name."""

import base64
import binascii
import re

from sandbox.account import get_account
from sandbox.stripe_api.errors import UnauthorizedError
from sandbox.stripe_api.permissions import ApiKey, load_permissions, mask

_KEY = re.compile(r"^(sk|rk)_(test|live)_\w{10,}$")


def read_api_key(authorization: str) -> ApiKey:
    """The API key of an Authorization header. Raises UnauthorizedError, for a live key too unless it is asked for."""
    key = _extract(authorization)
    if not key:
        raise UnauthorizedError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication"
            " for details, or we can help at https://support.stripe.com/."
        )
    permissions = load_permissions(key)
    if not _is_accepted(key) or (key.startswith("rk_") and permissions is None):
        raise UnauthorizedError(f"Invalid API Key provided: {mask(key)}")
    return ApiKey(key, permissions)


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
