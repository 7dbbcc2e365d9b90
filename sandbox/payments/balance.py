"""Record balance transactions: movements of the merchant's money, in the currency it is settled in, with fees."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox import clock, store
from sandbox.account import get_account
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json, make_object, make_part

_DAY_S = 24 * 60 * 60


@dataclass(frozen=True)
class Kind:
    """Classify a movement: Stripe's `type`, its `reporting_category`, and the delay until it can be paid out."""

    type: str
    category: str
    delay_s: int = 0


@dataclass(frozen=True)
class Fee:
    """Describe what Stripe keeps, in the smallest unit, and for what."""

    amount: int
    description: str


@dataclass(frozen=True)
class Settlement:
    """Give the currency on the balance and the rate to it, from smallest unit to smallest unit; None: no conversion.

    As in Stripe's `exchange_rate`: at 0.67, 1000 jpy are 670 usd, which is $6.70.
    """

    currency: str
    exchange_rate: float | None = None

    def convert(self, amount: int) -> int:
        """Convert an amount, rounding halves away from zero."""
        if self.exchange_rate is None:
            return amount
        exact = Decimal(amount) * Decimal(str(self.exchange_rate))
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


CHARGE = Kind("charge", "charge", 2 * _DAY_S)
REFUND = Kind("refund", "refund")
REFUND_FAILURE = Kind("refund_failure", "refund_failure")
DISPUTE = Kind("adjustment", "dispute")
DISPUTE_REVERSAL = Kind("adjustment", "dispute_reversal")


def record_movement(
    source: Json,
    amount: int,
    kind: Kind,
    description: str | None,
    *,
    settlement: Settlement,
    fee: Fee | None = None,
) -> Json:
    """Book an amount, negative for what the merchant pays, that an object caused. Return the transaction.

    The amount is in the object's currency, the fee in that of the settlement.
    """
    settled = settlement.convert(amount)
    currency = settlement.currency
    fees = [make_part("fee_details", currency=currency, **vars(fee))] if fee else []
    transaction = make_object(
        "balance_transaction",
        amount=settled,
        available_on=clock.get_now() + kind.delay_s,
        currency=currency,
        description=description,
        exchange_rate=settlement.exchange_rate,
        fee=fee.amount if fee else 0,
        fee_details=fees,
        net=settled - (fee.amount if fee else 0),
        reporting_category=kind.category,
        source=source["id"],
        status="pending" if kind.delay_s else "available",
        type=kind.type,
    )
    store.add_object(transaction)
    return transaction


def choose_settlement(currency: str) -> Settlement:
    """Return how the account currently settles a payment in this currency."""
    account = get_account()
    rate = account.exchange_rates.get(currency)
    return Settlement(currency) if rate is None else Settlement(account.settlement_currency, rate)


def choose_reversal(charge: Json, currency: str, rate: float | None = None) -> Settlement:
    """Return how an amount of a refund or dispute is taken from the balance that the charge was paid to.

    Uses the given rate, else the account's current one, else that of the charge. Raises WrongStateError without any.
    """
    paid = _find_settlement(charge)
    if currency == paid.currency:
        if rate is not None:
            raise WrongStateError(f"the charge was settled in {currency}: there is nothing to convert")
        return Settlement(currency)
    account = get_account()
    current = account.exchange_rates.get(currency) if account.settlement_currency == paid.currency else None
    original = paid.exchange_rate if currency == charge["currency"] else None
    for found in (rate, current, original):
        if found is not None:
            return Settlement(paid.currency, found)
    raise WrongStateError(f"there is no exchange rate from {currency} to {paid.currency}")


def _find_settlement(charge: Json) -> Settlement:
    if charge["balance_transaction"] is None:
        return choose_settlement(charge["currency"])
    paid = store.get_object("balance_transaction", charge["balance_transaction"])
    return Settlement(paid["currency"], paid["exchange_rate"])
