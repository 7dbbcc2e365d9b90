"""Compare our purchases with Stripe, repair what can be repaired and report the rest.

The sweeper looks at purchases that stay open too long. A reconciliation goes through a period a page at a time, with
nothing in memory between pages: Stripe's sessions, invoices and payments, our purchases, subscriptions of both sides,
Stripe's refunds and disputes (docs/decisions/reconciliation.md). A page's rows are read from the replica once it has
all that is committed now; what is repaired is read again, and locked, on the primary.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from billing.checkout.closing import (
    Finding,
    Report,
    apply_session,
    compare_charged,
    is_being_started,
    is_silent,
    session_of,
    sync_purchase,
    sync_with_session,
)
from billing.checkout.fulfilment import would_change
from billing.provider import provider
from billing.provider.errors import MalformedStripeObject, StripeUnavailable
from billing.provider.objects import CheckoutSession
from billing.purchases.log import Source
from billing.purchases.matching import purchase_of_session, purchases_of_sessions
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentReport
from billing.reconciliation.invoices import compare_invoice_of, compare_invoices
from billing.reconciliation.models import ReconciliationRun, SeenPurchase
from billing.reconciliation.page import SOURCE, Page
from billing.reconciliation.payments import compare_payments
from billing.reconciliation.reversals import compare_disputes, compare_refunds, issue_unanswered_refunds
from billing.reconciliation.subscriptions import compare_own_subscriptions, compare_subscriptions
from core.database.replica.reading import read_from_replica
from core.errors import DomainError
from core.uuids import as_uuid
from credits.errors import LedgerError
from credits.ledger.models import Entry

log = structlog.get_logger(__name__)
Status = Purchase.Status
Stage = ReconciliationRun.Stage

# Rows per page of our purchases; Stripe's lists have pages of a hundred.
PURCHASES_PAGE = 100


def sweep_open_purchases() -> Report:
    """Sync purchases that stayed open, or failed without an answer from Stripe, for longer than SWEEP_AFTER."""
    report = Report()
    source = Source(PurchaseEvent.Source.SWEEPER)
    for purchase in _unsettled(timezone.now() - settings.SWEEP_AFTER):
        try:
            sync_purchase(purchase, report, source)
        except StripeUnavailable:
            break  # not reachable: the next sweep continues
        except DomainError as error:
            log.exception("sweep_failed", purchase=str(purchase.pk), code=error.code)
    issue_unanswered_refunds()
    return report


def compare_page(page: Page) -> None:
    """Compare one page, with a bounded number of queries and a few more per row that differs. Idempotent.

    Raises:
        StripeUnavailable, StripeRefused: no answer; what was repaired so far stays repaired.
    """
    {
        Stage.SESSIONS: _compare_sessions,
        Stage.INVOICES: compare_invoices,
        Stage.PAYMENTS: compare_payments,
        Stage.PURCHASES: _compare_purchases,
        Stage.SUBSCRIPTIONS: compare_subscriptions,
        Stage.OWN_SUBSCRIPTIONS: compare_own_subscriptions,
        Stage.REFUNDS: _compare_refunds,
        Stage.DISPUTES: _compare_disputes,
    }[Stage(page.stage)](page)
    if not page.cursor:
        page.stage = _stage_after(page.stage)


def _stage_after(stage: str) -> str:
    stages = [*Stage.values, ""]
    return str(stages[stages.index(stage) + 1])


def _unsettled(before: datetime.datetime) -> list[Purchase]:
    """Return purchases that are open, or failed without an answer from Stripe, unless they wait for staff."""
    silent = Q(status=Status.FAILED, failure_code=StripeUnavailable.code, stripe_session_id=None)
    waiting = Q(status__in=[Status.PENDING, Status.PROCESSING])
    return list(
        Purchase.objects.filter(waiting | silent, attention="", created_at__lt=before).order_by("created_at")
    )


# --- Stripe's sessions


def _compare_sessions(page: Page) -> None:
    listed = provider().sessions_page(page.start, page.end, page.cursor)
    purchases = read_from_replica(None, lambda: purchases_of_sessions(listed.items))
    unknown: list[CheckoutSession] = []
    for session in listed.items:
        purchase = purchases.get(session.id)
        if purchase is not None and purchase.stripe_session_id != session.id:
            page.beat()
            purchase = _settle_unrecorded(session, page)
        elif purchase is not None and would_change(purchase, PaymentReport.from_session(session)):
            page.beat()
            _settle_recorded(purchase, session, page)
        if purchase is None:
            unknown.append(session)
        else:
            page.seen.add(purchase.pk)
    _note_unknown(unknown, page)
    page.sessions += len(listed.items)
    page.move_on(listed)


def _settle_recorded(purchase: Purchase, session: CheckoutSession, page: Page) -> None:
    if purchase.is_credited and not PaymentReport.from_session(session).is_paid:
        # It may have been paid since the list was fetched.
        session = provider().retrieve_session(session.id)
    sync_with_session(purchase, session, page, SOURCE)


def _settle_unrecorded(session: CheckoutSession, page: Page) -> Purchase | None:
    """Sync a session that only its reference ties to a purchase, which may have recorded it or another one by now."""
    with transaction.atomic():
        purchase = purchase_of_session(session)
    if purchase is not None:
        _settle_recorded(purchase, session, page)
    return purchase


def _note_unknown(sessions: Sequence[CheckoutSession], page: Page) -> None:
    """Report checkouts that were paid, and not all refunded, though no purchase here opened them, and note them as seen
    where there is no such purchase, so that their payments aren't reported again.
    """
    references: set[UUID] = set()
    for session in sessions:
        is_kept = not (session.charge and session.charge.is_refunded)
        if PaymentReport.from_session(session).is_paid and is_kept and session.metadata.get("purchase_id"):
            detail = f"paid, but no purchase here opened it; its reference is {session.reference[:100]}"
            page.open.append(Finding("session_unknown", detail, session_id=session.id))
            if reference := as_uuid(session.reference):
                references.add(reference)
    if references:
        here = Purchase.objects.filter(pk__in=references).values_list("pk", flat=True)
        page.seen |= references - set(here)


# --- Our purchases


def _compare_purchases(page: Page) -> None:
    """Ask Stripe about purchases that its list didn't include, and compare credits with the ledger."""
    rows = read_from_replica(None, lambda: list(_purchases_after(page)[:PURCHASES_PAGE]))
    seen = SeenPurchase.objects.filter(run_id=page.run_id, purchase_id__in=[row.pk for row in rows])
    seen_ids = set(seen.values_list("purchase_id", flat=True))
    for purchase in rows:
        if purchase.pk in seen_ids or purchase.bypassed_stripe:
            page.purchases += 1
        elif purchase.is_credited:
            page.beat()
            with _telling_if_broken(purchase, page):
                _compare_completed(purchase, page)
        elif (purchase.is_open or is_silent(purchase)) and not is_being_started(purchase):
            page.beat()
            with _telling_if_broken(purchase, page):
                sync_purchase(purchase, page, SOURCE)
    _compare_ledger([purchase.pk for purchase in rows], page)
    last = rows[-1] if len(rows) == PURCHASES_PAGE else None
    page.cursor = f"{last.created_at.isoformat()} {last.pk}" if last else ""
    page.reached = rows[-1].created_at if rows else None


@contextmanager
def _telling_if_broken(purchase: Purchase, page: Page) -> Iterator[None]:
    try:
        yield
    except MalformedStripeObject as error:
        session_id = purchase.stripe_session_id or ""
        detail = f"{session_id or 'unknown checkout'}: {error.message}"
        page.open.append(
            Finding("unreadable_at_stripe", detail, str(purchase.pk), session_id, object_id=session_id)
        )
    except LedgerError as error:
        log.exception("ledger_refused", purchase=str(purchase.pk), code=error.code)
        page.open.append(Finding("ledger_refused", error.message, str(purchase.pk)))


def _purchases_after(page: Page) -> QuerySet[Purchase, Purchase]:
    rows = Purchase.objects.filter(created_at__range=(page.start, page.end))
    if page.cursor:
        created_at, last = page.cursor.split()
        # The first condition is redundant, but lets the index be used.
        rows = rows.filter(created_at__lte=created_at).filter(Q(created_at__lt=created_at) | Q(pk__lt=last))
    return rows.order_by("-created_at", "-id")


def _compare_completed(purchase: Purchase, page: Page) -> None:
    """Look its session or invoice up by id before it counts as missing: it may lie just outside the period."""
    page.purchases += 1
    if purchase.stripe_invoice_id:
        compare_invoice_of(purchase, page)
        return
    if purchase.charges_card:
        compare_charged(purchase, page, SOURCE)
        return
    session = session_of(purchase)
    if session is None:
        detail = "completed here, but Stripe has no such session"
        page.open.append(
            Finding("missing_at_stripe", detail, str(purchase.pk), purchase.stripe_session_id or "")
        )
    else:
        apply_session(purchase.pk, session, page, SOURCE)


def _compare_ledger(purchase_ids: list[UUID], page: Page) -> None:
    """Check that every completed purchase has its entry, and every purchase entry its completed purchase."""
    granted = Entry.objects.filter(
        account_id=OuterRef("account_id"), key=Concat(Value("purchase:"), Cast(OuterRef("pk"), CharField()))
    )
    rows = Purchase.objects.filter(pk__in=purchase_ids).annotate(is_granted=Exists(granted))
    compared = rows.values_list("pk", "status", "is_granted")
    for purchase_id, status, is_granted in read_from_replica(None, lambda: list(compared)):
        if status in Purchase.CREDITED and not is_granted:
            page.open.append(Finding("completed_without_credits", "no entry in the ledger", str(purchase_id)))
        elif status not in Purchase.CREDITED and is_granted:
            page.open.append(Finding("credits_without_purchase", f"it is {status}", str(purchase_id)))


# --- Stripe's refunds and disputes


def _compare_refunds(page: Page) -> None:
    listed = provider().refunds_page(page.start, page.end, page.cursor)
    compare_refunds(listed.items, page, SOURCE)
    page.move_on(listed)


def _compare_disputes(page: Page) -> None:
    listed = provider().disputes_page(page.start, page.end, page.cursor)
    compare_disputes(listed.items, page, SOURCE)
    page.move_on(listed)
