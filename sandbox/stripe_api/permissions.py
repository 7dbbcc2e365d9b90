"""What a restricted key may do: read or write, resource by resource. Writing includes reading.

A key of the form `rk_…` is good only once it has been given its permissions (`/_sandbox/keys`), as in the dashboard.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sandbox.account import get_account
from sandbox.models import Setting
from sandbox.stripe_api.errors import ForbiddenError

_NAME = "restricted_keys"
_READ, _WRITE = "_read", "_write"
# Stripe's names where they aren't the object's own. Refunds go with charges, prices are still plans.
_ACCOUNT = "accounts_kyc_basic"
_RESOURCES = {
    "account": _ACCOUNT,
    "balance_transaction": "balance_transaction_source",
    "checkout.session": "checkout_session",
    "price": "plan",
    "refund": "charge",
    "webhook_endpoint": "webhook",
}
_COLLECTIONS = re.compile(r"/v1/(checkout/sessions|\w+)")
_TYPES = (
    "account",
    "balance_transaction",
    "charge",
    "checkout.session",
    "customer",
    "dispute",
    "event",
    "invoice",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "refund",
    "webhook_endpoint",
)
PERMISSIONS = sorted({_RESOURCES.get(name, name) + verb for name in _TYPES for verb in (_READ, _WRITE)})


@dataclass(frozen=True)
class ApiKey:
    """A key that was let in. `permissions` is None for a secret key, which may do anything."""

    key: str
    permissions: frozenset[str] | None = None

    @property
    def masked(self) -> str:
        return mask(self.key)


_caller: ContextVar[ApiKey | None] = ContextVar("caller", default=None)


@contextmanager
def calling_with(key: ApiKey) -> Iterator[None]:
    """What is required inside is required of this key."""
    token = _caller.set(key)
    try:
        yield
    finally:
        _caller.reset(token)


def load_permissions(key: str) -> frozenset[str] | None:
    """Return what a restricted key was given; None for one that nobody has made."""
    given = list_keys().get(key)
    return None if given is None else frozenset(given)


def list_keys() -> dict[str, list[str]]:
    """Return all restricted keys with their permissions."""
    setting = Setting.objects.filter(name=_NAME).first()
    keys: dict[str, list[str]] = setting.value if setting else {}
    return keys


def keep_key(key: str, permissions: list[str]) -> None:
    """Make a restricted key, or change what it may do. Call inside `store.writing()`."""
    keys = {**list_keys(), key: sorted(permissions)}
    Setting.objects.update_or_create(name=_NAME, defaults={"value": keys})


def require_permission_for(method: str, path: str) -> None:
    """Raises ForbiddenError when the caller's key may not do this at a path that exists."""
    match = _COLLECTIONS.match(path)
    assert match is not None, path  # noqa: S101 - every route begins like this
    name = match[1].replace("/", ".").removesuffix("s")
    _require(_RESOURCES.get(name, name) + (_READ if method == "GET" else _WRITE))


def require_reading(object_type: str) -> None:
    """Raises ForbiddenError when the caller's key may not see objects of this type: expanding one is reading it."""
    _require(_RESOURCES.get(object_type, object_type) + _READ)


def _require(permission: str) -> None:
    caller = _caller.get()
    if caller is None or caller.permissions is None:
        return
    if not {permission, permission.replace(_READ, _WRITE)} & caller.permissions:
        raise ForbiddenError(
            f"The provided key '{caller.masked}' does not have the required permissions for this endpoint on account"
            f" '{get_account().id}'. Having the 'rak_{permission}' permission would allow this request to continue."
        )


def mask(key: str) -> str:
    """Write a key as Stripe does in messages: its kind and its end."""
    return f"{key[:8]}{'*' * max(4, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
