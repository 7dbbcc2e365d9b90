"""Check what restricted keys may read and write, resource by resource. Writing includes reading.

A key `rk_…` is valid only once it was given permissions (`/_sandbox/keys`), as in Stripe's dashboard.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sandbox.account import get_account
from sandbox.models import Setting
from sandbox.stripe_api.errors import ApiError

_NAME = "restricted_keys"
_READ, _WRITE = "_read", "_write"
# Stripe's names where they differ from the object's. Refunds belong to charges, prices are still plans.
_RESOURCES = {
    "account": "accounts_kyc_basic",
    "balance_transaction": "balance_transaction_source",
    "billing_portal.configuration": "customer_portal",
    "billing_portal.session": "customer_portal",
    "checkout.session": "checkout_session",
    "invoice_payment": "invoice",
    "price": "plan",
    "refund": "charge",
    "subscription_item": "subscription",
    "webhook_endpoint": "webhook",
}
_OTHERS = """
    charge coupon customer dispute event invoice payment_intent payment_method product promotion_code setup_intent
""".split()
_COLLECTIONS = re.compile(r"/v1/(?:customers/[^/]+/(?=payment_methods))?((?:checkout/|billing_portal/)?\w+)")
PERMISSIONS = sorted({name + verb for name in (*_RESOURCES.values(), *_OTHERS) for verb in (_READ, _WRITE)})


@dataclass(frozen=True)
class ApiKey:
    """Hold an accepted key. `permissions` is None for a secret key, which may do anything."""

    key: str
    permissions: frozenset[str] | None = None

    @property
    def masked(self) -> str:
        return mask(self.key)


_caller: ContextVar[ApiKey | None] = ContextVar("caller", default=None)


@contextmanager
def calling_with(key: ApiKey) -> Iterator[None]:
    """Check the permissions of this key inside."""
    token = _caller.set(key)
    try:
        yield
    finally:
        _caller.reset(token)


def load_permissions(key: str) -> frozenset[str] | None:
    """Return the permissions of a restricted key; None for a key without any set."""
    given = list_keys().get(key)
    return None if given is None else frozenset(given)


def list_keys() -> dict[str, list[str]]:
    """Return all restricted keys with their permissions."""
    keys: dict[str, list[str]] = Setting.read(_NAME, {})
    return keys


def keep_key(key: str, permissions: list[str]) -> None:
    """Create a restricted key, or replace its permissions. Call inside `store.writing()`."""
    Setting.write(_NAME, {**list_keys(), key: sorted(permissions)})


def require_permission_for(method: str, path: str) -> None:
    """Raise ApiError (403) if the caller's key may not use this method and path, which must exist."""
    match = _COLLECTIONS.match(path)
    assert match is not None, path  # noqa: S101 - every route begins like this
    object_type = match[1].replace("/", ".").removesuffix("s")
    _require(object_type, _READ if method == "GET" else _WRITE)


def require_reading(object_type: str) -> None:
    """Raise ApiError (403) if the caller's key may not read this type: expanding an object is reading it."""
    _require(object_type, _READ)


def _require(object_type: str, verb: str) -> None:
    caller = _caller.get()
    if caller is None or caller.permissions is None:
        return
    resource = _RESOURCES.get(object_type, object_type)
    if not {resource + verb, resource + _WRITE} & caller.permissions:
        raise ApiError(
            f"The provided key '{caller.masked}' does not have the required permissions for this endpoint on account"
            f" '{get_account().id}'. Having the 'rak_{resource + verb}' permission would allow this request to"
            " continue.",
            status=403,
            saved=False,
        )


def mask(key: str) -> str:
    """Mask a key as Stripe's messages do: only its kind and its end are shown."""
    return f"{key[:8]}{'*' * max(4, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
