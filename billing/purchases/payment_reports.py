"""Read the state of a payment from a checkout session, a payment intent or a charge."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from django.utils import timezone

from billing.provider.objects import Charge, CheckoutSession, PaymentIntent
from billing.purchases.models import Payment

PaymentState = Payment.State
# A failed delayed payment leaves its session complete and unpaid; only the payment intent shows the failure.
ENDED_UNPAID = ("requires_payment_method", "canceled")


@dataclass(frozen=True)
class PaymentReport:
    """The state of a purchase's payment at the time ``at``, Stripe's if known; ``amount_minor`` in minor units.

    ``state`` is None if a checkout ended unpaid. Without ``payment_intent_id``, nothing was to be paid, or paid yet.
    ``subtotal_minor`` is the sum before promotion code and tax; None if the report doesn't tell these apart.
    """

    state: PaymentState | None
    amount_minor: int
    currency: str
    at: datetime.datetime
    livemode: bool
    session_id: str | None = None
    payment_intent_id: str | None = None
    customer_id: str = ""
    failure_code: str = ""
    made_at: datetime.datetime | None = None
    charge: Charge | None = None
    subtotal_minor: int | None = None
    discount_minor: int = 0
    tax_minor: int = 0
    promotion_code: str = ""

    @classmethod
    def from_session(cls, session: CheckoutSession, at: datetime.datetime | None = None) -> PaymentReport:
        """Read a session as of ``at``, the time of the event that carried it, or now if it was retrieved."""
        return cls(
            state=_state_of_session(session),
            amount_minor=session.amount_total or 0,
            currency=session.currency,
            at=at or timezone.now(),
            livemode=session.livemode,
            session_id=session.id,
            payment_intent_id=session.payment_intent_id,
            customer_id=session.customer_id,
            made_at=session.payment_made,
            charge=session.charge,
            subtotal_minor=session.amount_subtotal or 0,
            discount_minor=session.discount,
            tax_minor=session.tax,
            promotion_code=session.promotion_code,
        )

    @classmethod
    def of_nothing(cls, currency: str) -> PaymentReport:
        """Report a free purchase as paid."""
        return cls(PaymentState.PAID, 0, currency, at=timezone.now(), livemode=False)

    @classmethod
    def from_intent(cls, intent: PaymentIntent, at: datetime.datetime) -> PaymentReport:
        state = _state_of_intent(intent)
        return cls(
            state=state,
            amount_minor=intent.amount_received if state == PaymentState.PAID else intent.amount,
            currency=intent.currency,
            at=at,
            livemode=intent.livemode,
            payment_intent_id=intent.id,
            customer_id=intent.customer_id,
            failure_code=intent.failure_code,
            made_at=intent.created,
            charge=intent.charge,
        )

    @classmethod
    def from_charge(cls, charge: Charge, at: datetime.datetime) -> PaymentReport:
        """Report how a payment was made, or a declined card. Only the payment intent reports it as paid."""
        return cls(
            state=PaymentState.FAILED if charge.status == "failed" else PaymentState.OPEN,
            amount_minor=charge.amount,
            currency=charge.currency,
            at=at,
            livemode=charge.livemode,
            payment_intent_id=charge.payment_intent_id or None,
            customer_id=charge.customer_id,
            charge=charge,
        )

    @property
    def is_paid(self) -> bool:
        return self.state == PaymentState.PAID

    @property
    def paid_at(self) -> datetime.datetime | None:
        """Return when the payment succeeded: a card's charge time, else (banks take days) the report's time."""
        if not self.is_paid:
            return None
        charge = self.charge
        is_at_once = charge is not None and charge.status == "succeeded" and charge.method.type == "card"
        return charge.created if is_at_once and charge is not None else self.at

    def as_failed(self) -> PaymentReport:
        return replace(self, state=PaymentState.FAILED)


def _state_of_session(session: CheckoutSession) -> PaymentState | None:
    if session.payment_status in {"paid", "no_payment_required"} and session.status == "complete":
        return PaymentState.PAID
    if session.status == "expired":
        return None
    if session.status == "complete":
        failed = session.payment_intent_status in ENDED_UNPAID
        return PaymentState.FAILED if failed else PaymentState.PROCESSING
    return PaymentState.OPEN


def _state_of_intent(intent: PaymentIntent) -> PaymentState:
    if intent.status == "succeeded":
        return PaymentState.PAID
    return PaymentState.PROCESSING if intent.status == "processing" else PaymentState.OPEN
