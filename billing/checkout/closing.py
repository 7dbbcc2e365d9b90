"""Bring a purchase up to date with Stripe, for the sweeper and reconciliation, with the webhook's own fulfilment."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.checkout.card_payments import apply_intent, payment_of, sync_card_purchase
from billing.checkout.fulfilment import fulfil_locked_purchase
from billing.errors import PaymentOfAnother, SessionNotFound
from billing.provider import provider
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.provider.objects import CheckoutSession, PaymentIntent
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase
from billing.purchases.payment_reports import PaymentReport, PaymentState
from billing.purchases.payments import take_turn
from credits.errors import LedgerError

log = structlog.get_logger(__name__)
Status = Purchase.Status

# Allows for clock differences and for the time that opening a checkout takes.
SLACK = datetime.timedelta(minutes=10)
# Failure code once it is certain that the buyer never saw the checkout.
NOT_OPENED = "checkout_not_opened"


@dataclass(frozen=True)
class Finding:
    """A difference between Stripe and our records. ``object_id`` is Stripe's id of what isn't a session."""

    kind: str
    detail: str
    purchase_id: str = ""
    session_id: str = ""
    object_id: str = ""
    subscription_id: str = ""

    @property
    def key(self) -> str:
        """Identify the problem across repeated findings."""
        return f"{self.kind}:{self.object_id or self.purchase_id or self.session_id}"


@dataclass
class Report:
    """The result of a comparison: counts, repaired issues, and open ones for staff."""

    sessions: int = 0
    purchases: int = 0
    repaired: list[Finding] = field(default_factory=list)
    open: list[Finding] = field(default_factory=list)

    def note_repair(self, finding: Finding) -> None:
        """Record a repair, inside the repair's transaction."""
        self.repaired.append(finding)


def sync_purchase(purchase: Purchase, report: Report, source: Source) -> None:
    """Bring a purchase up to date that is open, or failed without an answer from Stripe.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    report.purchases += 1
    if purchase.stripe_invoice_id:
        return  # fulfilled as it was written down, or held back for staff
    if purchase.charges_card:
        _sync_card(purchase, report, source)
        return
    session = session_of(purchase)
    if session is None:
        _close_without_session(purchase, report, source)
    else:
        sync_with_session(purchase, session, report, source)


def _sync_card(purchase: Purchase, report: Report, source: Source) -> None:
    before = purchase.status
    purchase = sync_card_purchase(purchase, source)
    where = str(purchase.pk)
    if purchase.attention:
        report.open.append(Finding(purchase.attention, purchase.attention_detail, where))
    elif purchase.status != before:
        kind = "paid_not_credited" if purchase.is_credited else "status_behind"
        report.note_repair(Finding(kind, f"{before} → {purchase.status}", where))


def sync_with_session(purchase: Purchase, session: CheckoutSession, report: Report, source: Source) -> None:
    """Bring a purchase up to date with its already retrieved session."""
    unreachable = purchase.stripe_session_id is None and not is_being_started(purchase)
    if unreachable and session.status == "open":
        # The buyer never got the URL, so no payment can be under way.
        session = _expire(session)
    apply_session(purchase.pk, session, report, source)
    if unreachable and PaymentReport.from_session(session).state in {None, PaymentState.FAILED}:
        _close_silent(purchase, session, source)
    if unreachable:
        _record_session(purchase.pk, session)


def apply_session(purchase_id: UUID, session: CheckoutSession, report: Report, source: Source) -> None:
    """Apply the session's state to the purchase and report the outcome."""
    payment = PaymentReport.from_session(session)
    purchase = _fulfil(purchase_id, payment, report, source)
    if purchase is not None:
        report.open.extend(disagreements(purchase, session.payment_status, _paid(payment), session.id))


def apply_payment(purchase_id: UUID, intent: PaymentIntent, report: Report, source: Source) -> None:
    """Apply a payment that was made to the purchase it names, as its event does, and report the outcome. A second one
    isn't compared with what was credited.
    """
    payment = PaymentReport.from_intent(intent, timezone.now())
    purchase = _fulfil(purchase_id, payment, report, source)
    if purchase is None:
        return
    accepted = purchase.accepted_payment
    if purchase.attention or (accepted and accepted.stripe_payment_intent_id == intent.id):
        report.open.extend(disagreements(purchase, intent.status, _paid(payment)))


def _fulfil(purchase_id: UUID, payment: PaymentReport, report: Report, source: Source) -> Purchase | None:
    """Return the purchase as it is then; None after reporting that another one has its payment or session, or that the
    ledger refuses its credits.
    """
    where = (str(purchase_id), payment.session_id or "")
    try:
        with transaction.atomic():
            take_turn(payment.payment_intent_id)
            purchase = lock_purchase(purchase_id)
            before = purchase.status
            fulfil_locked_purchase(purchase, payment, source)
            if purchase.status != before and not purchase.attention:
                kind = "paid_not_credited" if purchase.is_credited else "status_behind"
                report.note_repair(Finding(kind, f"{before} → {purchase.status}", *where))
    except (IntegrityError, PaymentOfAnother):
        # One broken row must not block every purchase after it.
        log.exception(
            "ids_taken",
            purchase=str(purchase_id),
            session=payment.session_id,
            payment=payment.payment_intent_id,
        )
        detail = "its session or payment already belongs to another purchase"
        report.open.append(Finding("ids_taken", detail, *where))
    except LedgerError as error:
        log.exception("ledger_refused", purchase=str(purchase_id), code=error.code)
        report.open.append(Finding("ledger_refused", error.message, *where))
    else:
        return purchase
    return None


def compare_charged(purchase: Purchase, report: Report, source: Source) -> None:
    """Compare a credited purchase with the payment by its saved card. Raises as `sync_purchase`."""
    intent = payment_of(purchase)
    if intent is None:
        detail = "completed here, but Stripe has no such payment"
        report.open.append(Finding("missing_at_stripe", detail, str(purchase.pk)))
        return
    purchase = apply_intent(purchase, intent, source)
    payment = PaymentReport.from_intent(intent, timezone.now())
    report.open.extend(disagreements(purchase, intent.status, _paid(payment)))


def session_of(purchase: Purchase) -> CheckoutSession | None:
    """Retrieve the purchase's session from Stripe; None if there is none."""
    if purchase.stripe_session_id is None:
        return _find_by_reference(purchase)
    try:
        return provider().retrieve_session(purchase.stripe_session_id)
    except SessionNotFound:
        return None


def is_being_started(purchase: Purchase) -> bool:
    """Return whether the checkout may be opening right now, its session not yet recorded."""
    return purchase.stripe_session_id is None and purchase.created_at >= timezone.now() - settings.SWEEP_AFTER


def is_silent(purchase: Purchase) -> bool:
    """Return whether the purchase failed without an answer from Stripe, where a checkout may exist after all."""
    return purchase.status == Status.FAILED and purchase.failure_code == StripeUnavailable.code


def disagreements(
    purchase: Purchase, said: str, paid: tuple[int, str] | None, session_id: str = ""
) -> list[Finding]:
    """Compare a purchase with its payment: ``paid`` is its amount and currency, None if Stripe ``said`` otherwise."""
    where = (str(purchase.pk), session_id)
    if purchase.attention:
        return [Finding(purchase.attention, purchase.attention_detail, *where)]
    if not purchase.is_credited:
        return []
    if paid is None:
        return [Finding("credited_not_paid", f"Stripe says {said}", *where)]
    if paid != (purchase.paid_minor, purchase.currency):
        amount, currency = paid
        credited = f"{purchase.paid_minor} {purchase.currency}"
        detail = f"paid {amount} {currency}, credited for {credited} (minor units)"
        return [Finding("credited_amount_differs", detail, *where)]
    return []


def _paid(payment: PaymentReport) -> tuple[int, str] | None:
    return (payment.amount_minor, payment.currency) if payment.is_paid else None


def _find_by_reference(purchase: Purchase) -> CheckoutSession | None:
    """Find the session by our reference, in case a crash kept us from recording it."""
    around = (purchase.created_at - SLACK, purchase.created_at + SLACK)
    found = (
        session for session in provider().list_sessions(*around) if session.reference == str(purchase.pk)
    )
    return next(found, None)


def _expire(session: CheckoutSession) -> CheckoutSession:
    try:
        return provider().expire_session(session.id)
    except StripeRefused:
        return provider().retrieve_session(session.id)  # closed or paid just before


def _close_without_session(purchase: Purchase, report: Report, source: Source) -> None:
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if purchase.status == Status.PENDING:
            record(purchase, Change("no_checkout_at_stripe", Status.EXPIRED), source)
        elif is_silent(purchase):
            purchase.failure_code = NOT_OPENED
            record(purchase, Change("no_checkout_at_stripe"), source)
        else:
            return
        report.note_repair(Finding("no_checkout", "closed: Stripe has no checkout for it", str(purchase.pk)))


def _close_silent(purchase: Purchase, session: CheckoutSession, source: Source) -> None:
    """Stop looking for the checkout of a purchase that failed without an answer: it was found closed."""
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if is_silent(purchase):
            purchase.stripe_session_id = session.id
            purchase.failure_code = NOT_OPENED
            record(purchase, Change("checkout_closed", detail={"session": session.id}), source)


def _record_session(purchase_id: UUID, session: CheckoutSession) -> None:
    """Record the session so that it needn't be searched again, unless one is known or another purchase has it."""
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        is_free = not Purchase.objects.filter(stripe_session_id=session.id).exists()
        if purchase.stripe_session_id is None and is_free:
            purchase.stripe_session_id = session.id
            purchase.save(update_fields=["stripe_session_id"])
