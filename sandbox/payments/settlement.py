"""Settlement: in which currency money reaches the merchant's balance, and at which rate."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox import store
from sandbox.account import get_account
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json


class NoRateError(WrongStateError):
    """Nothing says at which rate to convert, or a rate is given where nothing is converted."""


@dataclass(frozen=True)
class Settlement:
    """The currency on the balance, and what one smallest unit of the payment's brings there; None: as it is.

    Smallest units on both sides, as in Stripe's `exchange_rate`: at 0.67, 1000 jpy are 670 usd, which is $6.70.
    """

    currency: str
    exchange_rate: float | None = None

    def convert(self, amount: int) -> int:
        """Convert an amount to what reaches the balance, rounding halves away from zero."""
        if self.exchange_rate is None:
            return amount
        exact = Decimal(amount) * Decimal(str(self.exchange_rate))
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def settle_in(currency: str) -> Settlement:
    """Return how the account, as it is now, settles a payment in this currency."""
    account = get_account()
    rate = account.exchange_rates.get(currency)
    return Settlement(currency) if rate is None else Settlement(account.settlement_currency, rate)


def settle_back(charge: Json, currency: str, rate: float | None = None) -> Settlement:
    """Return how money in this currency is taken back for a charge: from the balance that the charge was paid to.

    The rate is the one given, else the account's of today, else that of the charge. Raises NoRateError.
    """
    paid = _find_settlement(charge)
    if currency == paid.currency:
        if rate is not None:
            raise NoRateError(f"the charge was settled in {currency}: there is nothing to convert")
        return Settlement(currency)
    rates = (rate, _find_rate_of_today(currency, paid.currency), _find_rate_of(charge, currency, paid))
    for found in rates:
        if found is not None:
            return Settlement(paid.currency, found)
    raise NoRateError(f"there is no exchange rate from {currency} to {paid.currency}")


def _find_settlement(charge: Json) -> Settlement:
    if charge["balance_transaction"] is None:
        return settle_in(charge["currency"])
    paid = store.get_object("balance_transaction", charge["balance_transaction"])
    return Settlement(paid["currency"], paid["exchange_rate"])


def _find_rate_of_today(currency: str, target: str) -> float | None:
    account = get_account()
    return account.exchange_rates.get(currency) if account.settlement_currency == target else None


def _find_rate_of(charge: Json, currency: str, paid: Settlement) -> float | None:
    return paid.exchange_rate if currency == charge["currency"] else None
