"""From a payment to credits: the one way in which a purchase is fulfilled.

The webhook, the page that the buyer lands on, the sweeper, reconciliation and a staff button all call
`fulfil_purchase`, in any order, more than once, at the same time. It looks at what was paid, not at who says so or at
the event's name (https://docs.stripe.com/checkout/fulfillment). The row lock makes the callers take turns; the
ledger's business key makes a second grant impossible even without the lock.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from billing.early_returns import adopt_early_returns
from billing.jobs import send_confirmation, send_payment_failed
from billing.models import Purchase
from billing.money import Money
from billing.purchase_log import Change, Told, lock_purchase, record, require_transaction
from billing.stripe_objects import CheckoutSession, PaymentIntent
from billing.uncredited_payments import is_given_back, keep_uncredited, settle_attention
from credits import ledger
from credits.models import Entry
from credits.results import Grant

log = structlog.get_logger(__name__)
Status = Purchase.Status
Attention = Purchase.Attention


class PaymentState(Enum):
    """How far a payment has come. ``OPEN`` can still be paid; ``PROCESSING`` was made and settles later."""

    OPEN = auto()
    PROCESSING = auto()
    PAID = auto()
    FAILED = auto()
    EXPIRED = auto()


@dataclass(frozen=True)
class Payment:
    """What Stripe says of the payment for one purchase; ``amount_minor`` in the currency's smallest unit."""

    state: PaymentState
    amount_minor: int
    currency: str
    session_id: str | None = None
    payment_intent_id: str | None = None
    customer_id: str = ""
    failure_code: str = ""

    @classmethod
    def from_session(cls, session: CheckoutSession) -> Payment:
        return cls(
            state=_state_of_session(session),
            amount_minor=session.amount_total or 0,
            currency=session.currency,
            session_id=session.id,
            payment_intent_id=session.payment_intent_id,
            customer_id=session.customer_id,
        )

    @classmethod
    def from_intent(cls, intent: PaymentIntent) -> Payment:
        return cls(
            state=PaymentState.PAID if intent.status == "succeeded" else PaymentState.OPEN,
            amount_minor=intent.amount_received,
            currency=intent.currency,
            payment_intent_id=intent.id,
            customer_id=intent.customer_id,
            failure_code=intent.failure_code,
        )


def fulfil_purchase(purchase_id: UUID, payment: Payment, told: Told) -> Purchase:
    """Brings the purchase to where its payment is: credited once it is paid, and never twice.

    A payment that doesn't agree with the purchase credits nothing and puts the purchase before staff. Safe to call
    again at any time; an older report never undoes a newer one.

    Raises:
        Purchase.DoesNotExist: there is no such purchase.
    """
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        fulfil_locked_purchase(purchase, payment, told)
    return purchase


def fulfil_locked_purchase(purchase: Purchase, payment: Payment, told: Told) -> None:
    """`fulfil_purchase` for a caller that holds the purchase's row lock already, as the webhook does."""
    require_transaction()
    if purchase.is_credited:
        _note_second_payment(purchase, payment, told)
    elif payment.state is PaymentState.PAID:
        _accept_payment(purchase, payment, told)
    else:
        _follow(purchase, payment, told)


def would_change(purchase: Purchase, payment: Payment) -> bool:
    """Whether `fulfil_purchase` might do or find anything. Lets a caller with many purchases pass by those that agree
    with their payment, without a lock; True may still come to nothing.
    """
    if purchase.attention:
        return True
    if purchase.is_credited:
        return not _is_what_was_credited(purchase, payment)
    if payment.state in FOLLOWING:
        return purchase.status in FOLLOWING[payment.state][2]
    return payment.state is PaymentState.PAID


def note_declined(purchase: Purchase, intent: PaymentIntent, told: Told) -> None:
    """Writes down a declined card on a locked purchase. The checkout stays open: another card may follow."""
    if purchase.is_credited:
        return
    purchase.failure_code = intent.failure_code[:100]
    detail = {"code": intent.failure_code, "message": intent.failure_message}
    record(purchase, Change("payment_declined", detail=detail), told)


def _state_of_session(session: CheckoutSession) -> PaymentState:
    if session.payment_status in {"paid", "no_payment_required"} and session.status == "complete":
        return PaymentState.PAID
    if session.status == "expired":
        return PaymentState.EXPIRED
    if session.status == "complete":
        # A delayed payment that failed leaves the session complete and unpaid; only its payment intent tells.
        failed = session.payment_intent_status in {"requires_payment_method", "canceled"}
        return PaymentState.FAILED if failed else PaymentState.PROCESSING
    return PaymentState.OPEN


def _accept_payment(purchase: Purchase, payment: Payment, told: Told) -> None:
    # Asked only of a purchase that knew of a payment before: nearly every one is credited with its first report.
    if purchase.stripe_payment_intent_id and is_given_back(payment.payment_intent_id):
        return
    attention, detail = _disagreement(purchase, payment)
    if attention:
        _hold_back(purchase, payment, attention, detail, told)
    else:
        _credit(purchase, payment, told)


def _disagreement(purchase: Purchase, payment: Payment) -> tuple[Attention, str]:
    """Why this payment must not be credited, or nothing."""
    if payment.currency != purchase.currency:
        return Attention.CURRENCY_DIFFERS, f"paid in {payment.currency}, priced in {purchase.currency}"
    if payment.amount_minor != purchase.price_minor:
        return (
            Attention.AMOUNT_DIFFERS,
            f"paid {payment.amount_minor}, priced {purchase.price_minor} (minor units)",
        )
    if purchase.user_id is None:
        return Attention.BUYER_DELETED, "nobody could spend the credits: refund the payment"
    return Attention.NONE, ""


def _hold_back(purchase: Purchase, payment: Payment, attention: Attention, detail: str, told: Told) -> None:
    is_new = _keep_uncredited(purchase, payment, attention, detail)
    if (purchase.attention, purchase.attention_detail) == (attention, detail):
        return  # a repeated report of what staff already see
    _keep_ids(purchase, payment)
    purchase.attention = attention
    purchase.attention_detail = detail
    log.error("purchase_held_back", purchase=str(purchase.pk), attention=attention, detail=detail)
    record(purchase, Change("held_back", detail={"attention": attention, "detail": detail}), told)
    if is_new:
        adopt_early_returns(purchase, payment.payment_intent_id, told)


def _keep_uncredited(purchase: Purchase, payment: Payment, attention: Attention, detail: str) -> bool:
    paid = Money(payment.amount_minor, payment.currency)
    return keep_uncredited(purchase, payment.payment_intent_id, paid, attention, detail)


def grant_missing_credits(purchase_id: UUID, told: Told) -> None:
    """Grants a completed purchase its credits where the ledger has no entry for it: somebody changed the books by hand.
    Where it has one, nothing happens.
    """
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        if purchase.is_credited:
            grant = _grant(purchase)
            if not grant.repeated:
                record(purchase, Change("credited_again", detail={"entry": grant.entry_id}), told)


def _grant(purchase: Purchase) -> Grant:
    return ledger.grant(
        purchase.account_id,
        purchase.credits,
        kind=Entry.Kind.PURCHASE,
        key=purchase.grant_key,
        reference=str(purchase.pk),
        metadata={"package": purchase.package_code},
        cost=ledger.Cost(purchase.price_minor, purchase.currency),
        expires_at=_expiry(purchase),
    )


def _credit(purchase: Purchase, payment: Payment, told: Told) -> None:
    now = timezone.now()
    was_held_back = bool(purchase.attention)
    grant = _grant(purchase)
    _keep_ids(purchase, payment)
    purchase.paid_minor = payment.amount_minor
    purchase.completed_at = now
    purchase.attention, purchase.attention_detail, purchase.failure_code = Attention.NONE, "", ""
    detail = {"entry": grant.entry_id, "balance_after": str(grant.balance_after)}
    record(purchase, Change("credited", Status.COMPLETED, detail), told)
    adopt_early_returns(purchase, purchase.stripe_payment_intent_id, told)
    if was_held_back:
        settle_attention(purchase, told)  # another payment may have been, beside this one
    send_confirmation.defer(purchase_id=str(purchase.pk))


def _expiry(purchase: Purchase) -> datetime.datetime | None:
    """An instant, so many times 24 hours after the purchase was made: the same in every time zone, and on a repeat."""
    if purchase.validity_days is None:
        return None
    return purchase.created_at + datetime.timedelta(days=purchase.validity_days)


# Where a report that nothing was paid may lead, from which status. Anything else is old news.
FOLLOWING = {
    PaymentState.PROCESSING: ("payment_processing", Status.PROCESSING, {Status.PENDING}),
    PaymentState.FAILED: ("payment_failed", Status.FAILED, {Status.PENDING, Status.PROCESSING}),
    PaymentState.EXPIRED: ("checkout_expired", Status.EXPIRED, {Status.PENDING}),
}


def _follow(purchase: Purchase, payment: Payment, told: Told) -> None:
    if payment.state is PaymentState.OPEN:
        return
    what, status, allowed = FOLLOWING[payment.state]
    if purchase.status in allowed:
        _keep_ids(purchase, payment)
        if payment.state is PaymentState.FAILED:
            # Only the payment intent's event tells the reason, and it may have come first.
            purchase.failure_code = payment.failure_code[:100] or purchase.failure_code or "payment_failed"
        was_processing = purchase.status == Status.PROCESSING
        record(purchase, Change(what, status), told)
        if was_processing and payment.state is PaymentState.FAILED:
            # Days after the checkout: its buyer is not looking any more.
            send_payment_failed.defer(purchase_id=str(purchase.pk))


def _is_what_was_credited(purchase: Purchase, payment: Payment) -> bool:
    paid = (payment.state, payment.amount_minor, payment.currency)
    if paid != (PaymentState.PAID, purchase.paid_minor, purchase.currency):
        return False
    other = payment.payment_intent_id and payment.payment_intent_id != purchase.stripe_payment_intent_id
    return not other and not _tells_new_ids(purchase, payment)


def _note_second_payment(purchase: Purchase, payment: Payment, told: Told) -> None:
    """A completed purchase that is paid again, by another payment, owes its buyer a refund."""
    known = purchase.stripe_payment_intent_id
    other = payment.payment_intent_id and known and payment.payment_intent_id != known
    if payment.state is PaymentState.PAID and other:
        detail = f"also paid by {payment.payment_intent_id}: refund it"
        if _keep_uncredited(purchase, payment, Attention.PAID_TWICE, detail):
            log.error("purchase_paid_twice", purchase=str(purchase.pk), payment=payment.payment_intent_id)
            if not purchase.attention:
                purchase.attention, purchase.attention_detail = Attention.PAID_TWICE, detail
            record(purchase, Change("paid_twice", detail={"payment": payment.payment_intent_id}), told)
            adopt_early_returns(purchase, payment.payment_intent_id, told)
    elif not other and _tells_new_ids(purchase, payment):
        # The payment intent's event came first, for a checkout that we died over before we recorded it.
        _keep_ids(purchase, payment)
        purchase.save(update_fields=["stripe_session_id", "stripe_payment_intent_id", "stripe_customer_id"])


def _tells_new_ids(purchase: Purchase, payment: Payment) -> bool:
    new_session = payment.session_id and not purchase.stripe_session_id
    new_intent = payment.payment_intent_id and not purchase.stripe_payment_intent_id
    return bool(new_session or new_intent)


def _keep_ids(purchase: Purchase, payment: Payment) -> None:
    """Stripe's ids, where the purchase has none yet: a payment intent exists only from the confirmation on."""
    purchase.stripe_session_id = purchase.stripe_session_id or payment.session_id
    purchase.stripe_payment_intent_id = payment.payment_intent_id or purchase.stripe_payment_intent_id
    purchase.stripe_customer_id = purchase.stripe_customer_id or payment.customer_id
