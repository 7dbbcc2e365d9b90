"""Compares our purchases with Stripe, settles what can be settled, and names the rest.

It repairs with the same `fulfil_purchase` that the webhook calls. The sweeper looks at purchases that stay open too
long; a reconciliation goes through a period, from both sides: every session that Stripe has, and every purchase that
we have.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import CharField, Exists, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from billing import stripe_gateway
from billing.errors import BillingError, SessionNotFound, StripeRefused, StripeUnavailable
from billing.fulfilment import Payment, PaymentState, fulfil_purchase
from billing.matching import purchase_of_session
from billing.models import Purchase, PurchaseEvent
from billing.purchase_log import Change, Told, lock_purchase, record
from billing.return_reconciliation import bring_returns_up_to_date, issue_unanswered_refunds
from billing.stripe_objects import CheckoutSession
from credits.models import Entry

log = structlog.get_logger(__name__)
Status = Purchase.Status

# How far apart our clock and Stripe's may be, and how long opening a checkout may take.
SLACK = datetime.timedelta(minutes=10)
# The failure of a purchase whose checkout its buyer never saw, once that is certain.
NOT_OPENED = "checkout_not_opened"


@dataclass(frozen=True)
class Finding:
    """One disagreement between Stripe and us. ``purchase_id`` and ``session_id`` say where it is, as far as known."""

    kind: str
    detail: str
    purchase_id: str = ""
    session_id: str = ""


@dataclass
class Report:
    """What a run compared, what it settled by itself, and what it leaves to staff."""

    sessions: int = 0
    purchases: int = 0
    repaired: list[Finding] = field(default_factory=list)
    open: list[Finding] = field(default_factory=list)


def sweep_open_purchases() -> Report:
    """Settles purchases that have been open, or failed without a word from Stripe, for longer than SWEEP_AFTER."""
    report = Report()
    told = Told(PurchaseEvent.Source.SWEEPER)
    for purchase in _unsettled(timezone.now() - settings.SWEEP_AFTER):
        try:
            _settle(purchase, report, told)
        except StripeUnavailable:
            break  # not reachable: the next sweep goes on
        except BillingError as error:
            log.exception("sweep_failed", purchase=str(purchase.pk), code=error.code)
    issue_unanswered_refunds()
    return report


def reconcile(
    start: datetime.datetime,
    end: datetime.datetime,
    progress: Callable[[float], None] = lambda share: None,
    report: Report | None = None,
) -> Report:
    """Compares the period ``start`` to ``end``; ``progress`` is told the share done, from 0 to 1. ``report`` is filled
    as it goes, for a caller who wants what was found also where the run stops.

    Streams through Stripe's list; what it keeps in memory is the ids of the purchases seen.

    Raises:
        StripeUnavailable, StripeRefused: the run stopped; what it repaired so far stays repaired.
    """
    report = report or Report()
    told = Told(PurchaseEvent.Source.RECONCILIATION)
    seen: set[UUID] = set()
    for session in stripe_gateway.list_sessions(start, end):
        report.sessions += 1
        purchase_id = _compare_session(session, report, told)
        if purchase_id:
            seen.add(purchase_id)
        progress(0.9 * ((end - session.created) / (end - start)))
    _compare_purchases(start, end, seen, report, told)
    for purchase, detail in bring_returns_up_to_date(start, end, told):
        report.repaired.append(Finding("returned_not_here", detail, str(purchase.pk)))
    _compare_ledger(start, end, report)
    progress(1.0)
    return report


def _unsettled(before: datetime.datetime) -> list[Purchase]:
    """Open ones, and those that failed without Stripe's word. What waits for staff is not asked about again."""
    silent = Q(status=Status.FAILED, failure_code=StripeUnavailable.code, stripe_session_id=None)
    waiting = Q(status__in=[Status.PENDING, Status.PROCESSING])
    return list(
        Purchase.objects.filter(waiting | silent, attention="", created_at__lt=before).order_by("created_at")
    )


def _settle(purchase: Purchase, report: Report, told: Told) -> None:
    """Brings one purchase to where Stripe says it is."""
    report.purchases += 1
    session = _session_of(purchase)
    if session is None:
        _close_without_session(purchase, report, told)
    else:
        _settle_by_session(purchase, session, report, told)


def _settle_by_session(purchase: Purchase, session: CheckoutSession, report: Report, told: Told) -> None:
    unreachable = purchase.stripe_session_id is None and not _is_being_started(purchase)
    if unreachable and session.status == "open":
        # Its buyer never got the address, so nobody can be about to pay it.
        session = _expire(session)
    _bring_to(purchase.pk, purchase.status, session, report, told)
    if unreachable and Payment.from_session(session).state in {PaymentState.EXPIRED, PaymentState.FAILED}:
        _close_silent(purchase, session, told)


def _is_being_started(purchase: Purchase) -> bool:
    """Its checkout may be opened at this moment: the answer isn't recorded yet, and its buyer is about to get it."""
    return purchase.stripe_session_id is None and purchase.created_at >= timezone.now() - settings.SWEEP_AFTER


def _session_of(purchase: Purchase) -> CheckoutSession | None:
    if purchase.stripe_session_id is None:
        return _find_by_reference(purchase)
    try:
        return stripe_gateway.retrieve_session(purchase.stripe_session_id)
    except SessionNotFound:
        return None


def _find_by_reference(purchase: Purchase) -> CheckoutSession | None:
    """The session that carries our reference, though we died before we could record it."""
    around = (purchase.created_at - SLACK, purchase.created_at + SLACK)
    found = (
        session for session in stripe_gateway.list_sessions(*around) if session.reference == str(purchase.pk)
    )
    return next(found, None)


def _expire(session: CheckoutSession) -> CheckoutSession:
    try:
        return stripe_gateway.expire_session(session.id)
    except StripeRefused:
        return stripe_gateway.retrieve_session(session.id)  # no longer open: somebody was quicker


def _close_without_session(purchase: Purchase, report: Report, told: Told) -> None:
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if purchase.status == Status.PENDING:
            record(purchase, Change("no_checkout_at_stripe", Status.EXPIRED), told)
        elif _is_silent(purchase):
            purchase.failure_code = NOT_OPENED
            record(purchase, Change("no_checkout_at_stripe"), told)
        else:
            return
    report.repaired.append(Finding("no_checkout", "closed: Stripe has no checkout for it", str(purchase.pk)))


def _close_silent(purchase: Purchase, session: CheckoutSession, told: Told) -> None:
    """Ends the search for the checkout of a purchase that failed without a word from Stripe: it is found, and over."""
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if _is_silent(purchase):
            purchase.stripe_session_id = session.id
            purchase.failure_code = NOT_OPENED
            record(purchase, Change("checkout_closed", detail={"session": session.id}), told)


def _is_silent(purchase: Purchase) -> bool:
    return purchase.status == Status.FAILED and purchase.failure_code == StripeUnavailable.code


def _bring_to(purchase_id: UUID, before: str, session: CheckoutSession, report: Report, told: Told) -> None:
    """Applies what the session says and files what came of it."""
    payment = Payment.from_session(session)
    where = (str(purchase_id), session.id)
    try:
        purchase = fulfil_purchase(purchase_id, payment, told)
    except IntegrityError:
        # One broken row must not keep every purchase after it from being settled.
        log.exception("ids_taken", purchase=str(purchase_id), session=session.id)
        report.open.append(
            Finding("ids_taken", "its session or payment is another purchase's already", *where)
        )
        return
    paid = payment.state is PaymentState.PAID
    if purchase.attention:
        report.open.append(Finding(purchase.attention, purchase.attention_detail, *where))
    elif purchase.is_credited and not paid:
        report.open.append(Finding("credited_not_paid", f"Stripe says {session.payment_status}", *where))
    elif purchase.status != before:
        kind = "paid_not_credited" if paid else "status_behind"
        report.repaired.append(Finding(kind, f"{before} → {purchase.status}", *where))


def _compare_session(session: CheckoutSession, report: Report, told: Told) -> UUID | None:
    with transaction.atomic():
        purchase = purchase_of_session(session)
    if purchase is not None:
        _settle_by_session(purchase, session, report, told)
        return purchase.pk
    if Payment.from_session(session).state is PaymentState.PAID and session.metadata.get("purchase_id"):
        detail = f"paid, but no purchase here opened it; it refers to {session.reference[:100]}"
        report.open.append(Finding("session_unknown", detail, session_id=session.id))
    return None


def _compare_purchases(
    start: datetime.datetime, end: datetime.datetime, seen: set[UUID], report: Report, told: Told
) -> None:
    """The purchases of the period that Stripe's list did not bring up."""
    for purchase in Purchase.objects.filter(created_at__range=(start, end)).iterator(chunk_size=1000):
        if purchase.pk in seen:
            report.purchases += 1
        elif purchase.is_credited:
            _compare_completed(purchase, report, told)
        elif (purchase.is_open or _is_silent(purchase)) and not _is_being_started(purchase):
            _settle(purchase, report, told)


def _compare_completed(purchase: Purchase, report: Report, told: Told) -> None:
    """Its session may lie just outside the period, so it is asked for by its id before it counts as missing."""
    report.purchases += 1
    session = _session_of(purchase)
    if session is None:
        detail = "completed here, but Stripe has no such session"
        report.open.append(
            Finding("missing_at_stripe", detail, str(purchase.pk), purchase.stripe_session_id or "")
        )
    else:
        _bring_to(purchase.pk, purchase.status, session, report, told)


def _compare_ledger(start: datetime.datetime, end: datetime.datetime, report: Report) -> None:
    """Every completed purchase has its entry, and every purchase entry its completed purchase."""
    granted = Entry.objects.filter(
        account_id=OuterRef("account_id"), key=Concat(Value("purchase:"), Cast(OuterRef("pk"), CharField()))
    )
    period = Q(created_at__range=(start, end))
    completed = Q(status__in=Purchase.CREDITED)
    for purchase in Purchase.objects.filter(period & completed).exclude(Exists(granted)):
        report.open.append(Finding("completed_without_credits", "no entry in the ledger", str(purchase.pk)))
    for purchase in Purchase.objects.filter(period & ~completed).filter(Exists(granted)):
        report.open.append(Finding("credits_without_purchase", f"it is {purchase.status}", str(purchase.pk)))
