"""Show and change the merchant's account and its restricted keys."""

from typing import Annotated, Literal

from msgspec import Meta

from sandbox import store
from sandbox.account import change_account, get_account
from sandbox.controls.answering import ControlError, Currency, Rate, Text
from sandbox.shapes import Json
from sandbox.stripe_api.permissions import PERMISSIONS, keep_key, list_keys

RestrictedKey = Annotated[str, Meta(pattern=r"^rk_(test|live)_\w{10,}$")]


def show() -> Json:
    return get_account().to_json()


def change(
    *,
    id: Text | None = None,
    livemode: bool | None = None,
    live_keys: bool | None = None,
    charges_enabled: bool | None = None,
    settlement_currency: Currency | None = None,
    exchange_rates: dict[Currency, Rate] | None = None,
    after_failed_retries: Literal["canceled", "unpaid", "past_due"] | None = None,
) -> Json:
    """Set the given fields and leave the others."""
    given = {name: value for name, value in locals().items() if value is not None}
    changed = {**get_account().to_json(), **given}
    if changed["settlement_currency"] in changed["exchange_rates"]:
        raise ControlError(f"{changed['settlement_currency']} is the settlement currency: it has no rate")
    with store.writing():
        return change_account(**changed).to_json()


def show_keys() -> Json:
    return {"keys": list_keys(), "permissions": PERMISSIONS}


def keep(*, key: RestrictedKey, permissions: list[str]) -> Json:
    """Create a restricted key with these permissions, or replace those of an existing one."""
    if not set(permissions) <= set(PERMISSIONS):
        raise ControlError(f"permissions must be some of {', '.join(PERMISSIONS)}")
    with store.writing():
        keep_key(key, permissions)
    return {"key": key, "permissions": sorted(permissions)}
