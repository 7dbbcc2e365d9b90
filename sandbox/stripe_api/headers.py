"""Check a request's headers: its API key, version, account and idempotency key."""

import base64
import binascii
import re
from collections.abc import Mapping

from stripe import params as stripe_params

from sandbox.account import get_account
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, NoAccessError
from sandbox.stripe_api.parameters import list_choices
from sandbox.stripe_api.permissions import ApiKey, load_permissions, mask

_LONGEST_IDEMPOTENCY_KEY = 255
_KEY = re.compile(r"^(sk|rk)_(test|live)_\w{10,}$")


def read_api_key(authorization: str) -> ApiKey:
    """Return the API key of an Authorization header. Raises ApiError (401)."""
    key = _extract_key(authorization)
    if not key:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using"
            " Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication"
            " for details, or we can help at https://support.stripe.com/.",
            status=401,
            saved=False,
        )
    permissions = load_permissions(key)
    match = _KEY.match(key)
    is_accepted = match is not None and (match[2] == "test" or get_account().live_keys)
    if not is_accepted or (key.startswith("rk_") and permissions is None):
        raise ApiError(f"Invalid API Key provided: {mask(key)}", status=401, saved=False)
    return ApiKey(key, permissions)


def _extract_key(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def check_headers(headers: Mapping[str, str], api_key: ApiKey) -> None:
    """Raise ApiError for a version, an account or an idempotency key that Stripe refuses."""
    version = headers.get("Stripe-Version")
    versions = list_choices(stripe_params.WebhookEndpointCreateParams, "api_version")
    if version is not None and version not in versions:
        raise InvalidParameterError(f"Invalid Stripe API version: {version}")
    account = headers.get("Stripe-Account")
    if account is not None and account != get_account().id:
        raise NoAccessError(api_key.masked, account)
    key = headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_IDEMPOTENCY_KEY:
        raise InvalidParameterError(
            f"Idempotency keys can be at most {_LONGEST_IDEMPOTENCY_KEY} characters long; yours has {len(key)}."
        )
