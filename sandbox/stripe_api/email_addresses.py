"""E-mail addresses, taken and refused as Stripe does."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from sandbox.stripe_api.errors import ApiError

_LONGEST = 512
# Without an allowlist: Stripe doesn't take a host without a top-level domain, such as localhost.
_validate = EmailValidator(allowlist=[])


def check_email(given: dict[str, Any], name: str, param: str = "") -> None:
    """Raise ApiError (`email_invalid`) if what is given under this name is no address. An empty one is none given."""
    address = given.get(name)
    if address and not _is_valid(address):
        raise ApiError(f"Invalid email address: {address}", code="email_invalid", param=param or name)


def _is_valid(address: str) -> bool:
    try:
        _validate(address)
    except ValidationError:
        return False
    return address.isascii() and len(address) <= _LONGEST
