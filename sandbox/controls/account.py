"""Which account this is, whether it is live, and the currency it is paid out in."""

import math
import re
from typing import Any

from sandbox import store
from sandbox.account import change_account, get_account
from sandbox.controls.answering import ControlError, expect, take
from sandbox.shapes import Json

_CURRENCY = re.compile(r"[a-z]{3}")


def show(order: Json) -> Json:
    take(order)
    return get_account().to_json()


def change(order: Json) -> Json:
    """Set what is given and leave the rest."""
    current = get_account().to_json()
    take(order, **current)
    expect(order, id=str, livemode=bool, live_keys=bool, charges_enabled=bool)
    expect(order, settlement_currency=str, exchange_rates=dict)
    fields = {**current, **{name: value for name, value in order.items() if value is not None}}
    _check(fields["id"], fields["settlement_currency"], fields["exchange_rates"])
    with store.writing():
        return change_account(**fields).to_json()


def _check(account_id: str, settlement_currency: str, rates: dict[str, Any]) -> None:
    if not account_id:
        raise ControlError("an account has an id")
    for currency in (settlement_currency, *rates):
        require_currency(currency)
    if settlement_currency in rates:
        raise ControlError(f"{settlement_currency} is the settlement currency: it has no rate")
    for rate in rates.values():
        require_rate(rate)


def require_currency(currency: str) -> None:
    """Raises ControlError for what is no currency code as Stripe writes it."""
    if not _CURRENCY.fullmatch(currency):
        raise ControlError(f"a currency is three small letters, not {currency!r}")


def require_rate(rate: Any) -> None:
    """Raises ControlError for what is no exchange rate."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < math.inf:
        raise ControlError(f"a rate is a number above 0, not {rate!r}")
