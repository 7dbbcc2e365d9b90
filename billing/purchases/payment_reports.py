"""What Stripe says of a payment, whoever brought it: a checkout session, a payment intent, or a charge."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from django.utils import timezone

from billing.purchases.models import Payment
from billing.stripe.objects import CheckoutSession, PaymentIntent, StripeCharge

PaymentState = Payment.State
# A delayed payment that failed leaves its session complete and unpaid; only its payment intent tells.
ENDED_UNPAID = ("requires_payment_method", "canceled")


@dataclass(frozen=True)
class PaymentReport:
    """How far the payment of one purchase has come; ``amount_minor`` in the currency's smallest unit.

    ``state`` is empty where a checkout ended without a payment. ``at`` is when it was so, by Stripe's clock where
    that is known. Without a ``payment_intent_id`` there was nothing to pay, or nothing was paid yet.
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
    charge: StripeCharge | None = None

    @classmethod
    def from_session(cls, session: CheckoutSession, at: datetime.datetime | None = None) -> PaymentReport:
        """``at`` is the time of the event that brought it; asked for, it is so now."""
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
        )

    @classmethod
    def of_nothing(cls, currency: str) -> PaymentReport:
        """Report of what is free: there is nothing to pay, so it is paid."""
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
    def from_charge(cls, charge: StripeCharge, at: datetime.datetime) -> PaymentReport:
        """Tells how was paid, or that a card was declined. That it was paid says the payment intent."""
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
        """When it went through. A card's charge says so itself; a bank takes days for it."""
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
