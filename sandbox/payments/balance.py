"""Balance transactions: each movement of the merchant's money, and what of it Stripe keeps."""

from dataclasses import dataclass

from sandbox import clock, store
from sandbox.payments.settlement import Settlement
from sandbox.shapes import Json, make_object

_DAY_S = 24 * 60 * 60


@dataclass(frozen=True)
class Kind:
    """Why money moved: Stripe's `type`, the `reporting_category` beside it, and when it can be paid out."""

    type: str
    category: str
    delay_s: int = 0


@dataclass(frozen=True)
class Fee:
    """What Stripe keeps, in the smallest unit, and what for."""

    amount: int
    description: str


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
    """Book an amount, negative for what the merchant pays, that an object brought about. Returns the transaction.

    The amount is in the object's currency, the fee in that of the settlement.
    """
    settled = settlement.convert(amount)
    transaction = make_object(
        "balance_transaction",
        amount=settled,
        available_on=clock.get_now() + kind.delay_s,
        currency=settlement.currency,
        description=description,
        exchange_rate=settlement.exchange_rate,
        fee=fee.amount if fee else 0,
        fee_details=[_describe_fee(fee, settlement.currency)] if fee else [],
        net=settled - (fee.amount if fee else 0),
        reporting_category=kind.category,
        source=source["id"],
        status="pending" if kind.delay_s else "available",
        type=kind.type,
    )
    store.add_object(transaction)
    return transaction


def _describe_fee(fee: Fee, currency: str) -> Json:
    return {
        "amount": fee.amount,
        "application": None,
        "currency": currency,
        "description": fee.description,
        "type": "stripe_fee",
    }
