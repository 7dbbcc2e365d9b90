"""Turn a payment into credits: the only way a purchase is fulfilled.

The webhook, success page, sweeper, reconciliation and staff all fulfil here, in any order, repeatedly and concurrently.
What was paid counts, not who reports it or the event's name (https://docs.stripe.com/checkout/fulfillment). The row
lock serializes callers; even without it, the ledger's business key prevents a second grant.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from billing.checkout.scheduled_grants import grant_due, schedule_grants
from billing.checkout.totals import lacks_totals, take_totals, why_total_differs
from billing.deferring import defer_confirmation, defer_payment_failed_mail
from billing.provider.objects import PaymentIntent
from billing.purchases.counting import count_wait
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Attention, Payment, Purchase
from billing.purchases.payment_reports import PaymentReport, PaymentState
from billing.purchases.payments import keep_payment, take_turn
from billing.refunds.early_events import apply_early_events
from billing.refunds.owed_payments import is_given_back, update_attention
from billing.refunds.reversals import apply_known_reversals
from core.database.locks import require_transaction
from core.tracing.spans import span
from credits.errors import AccountClosed
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger.counting import counting_errors
from credits.ledger.models import Entry
from credits.ledger.results import Grant

log = structlog.get_logger(__name__)
Status = Purchase.Status


def fulfil_purchase(purchase_id: UUID, report: PaymentReport, source: Source) -> Purchase:
    """Update the purchase from its payment: credited once when paid, never twice.

    A payment that doesn't match the purchase credits nothing and needs staff's attention. Safe to repeat; an older
    report never undoes a newer one.

    Raises:
        Purchase.DoesNotExist: there is no such purchase.
        PaymentOfAnother: the payment belongs to another purchase.
    """
    with transaction.atomic():
        take_turn(report.payment_intent_id)
        purchase = lock_purchase(purchase_id)
        fulfil_locked_purchase(purchase, report, source)
    return purchase


def fulfil_locked_purchase(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    """Fulfil for a caller that already has the payment's turn and the purchase's row lock."""
    require_transaction()
    about = {"purchase": str(purchase.pk), "source": source.kind.value}
    with counting_errors("fulfilment", refusals=True), span("fulfil purchase", attributes=about):
        if purchase.is_credited:
            _apply_to_credited(purchase, report, source)
        elif report.is_paid:
            _accept(purchase, report, source)
        else:
            _follow(purchase, report, source)


def would_change(purchase: Purchase, report: PaymentReport) -> bool:
    """Return whether `fulfil_purchase` might do or find anything; bulk callers skip other purchases without a lock."""
    if purchase.attention:
        return True
    if purchase.is_credited:
        return not _is_what_was_credited(purchase, report)
    if report.state in FOLLOWING:
        return purchase.status in FOLLOWING[report.state][2]
    return report.is_paid


def note_declined(purchase: Purchase, intent: PaymentIntent, report: PaymentReport, source: Source) -> None:
    """Record a declined card on a locked purchase. A checkout stays open: another card may follow."""
    if purchase.charges_card:
        fulfil_locked_purchase(purchase, report.as_failed(), source)
        return
    keep_payment(purchase, report.as_failed())
    if purchase.is_credited:
        return
    purchase.failure_code = intent.failure_code
    detail = {"code": intent.failure_code, "message": intent.failure_message}
    record(purchase, Change("payment_declined", detail=detail), source)


def grant_missing_credits(purchase_id: UUID, source: Source) -> None:
    """Grant a completed purchase's credits if the ledger has no entry for it, after a manual change of the ledger."""
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        if purchase.is_credited and purchase.completed_at is not None:
            grant = _grant(purchase, purchase.completed_at)
            if not grant.repeated:
                purchase.payments.filter(lot__isnull=False).update(lot_id=grant.lot_id)
                record(purchase, Change("credited_again", detail={"entry": grant.entry_id}), source)


def _accept(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    if purchase.failure_code == Purchase.NOTHING_PAID and not report.payment_intent_id:
        return
    # Query only for purchases that had such a payment: nearly all are credited on their first report.
    had_another = purchase.attention or purchase.payment_was_refunded
    if had_another and is_given_back(report.payment_intent_id):
        return
    if lacks_totals(purchase, report):
        _await_checkout(purchase, report, source)
        return
    take_totals(purchase, report)
    attention, detail = _disagreement(purchase, report)
    if not attention:
        try:
            _credit(purchase, report, source)
        except AccountClosed:
            attention, detail = Attention.BUYER_DELETED, "no one can spend the credits: refund the payment"
    if attention:
        _mark_for_attention(purchase, report, attention, detail, source)


def _await_checkout(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    """Note a payment that is credited once its checkout says what it is for: by an event of its own, which follows, or
    when the success page or the sweeper asks.
    """
    keep_payment(purchase, replace(report, state=PaymentState.PROCESSING))
    if not purchase.is_open:
        record(purchase, Change("payment_processing", Status.PROCESSING), source)  # for the sweeper to find


def _disagreement(purchase: Purchase, report: PaymentReport) -> tuple[Attention, str]:
    """Return why this payment must not be credited, and the detail; `Attention.NONE` if it may be."""
    if report.currency != purchase.currency:
        return Attention.CURRENCY_DIFFERS, f"paid in {report.currency}, priced in {purchase.currency}"
    if differing := why_total_differs(purchase, report):
        return Attention.AMOUNT_DIFFERS, differing
    if purchase.user_id is None:
        return Attention.BUYER_DELETED, "no one can spend the credits: refund the payment"
    return Attention.NONE, ""


def _mark_for_attention(
    purchase: Purchase, report: PaymentReport, attention: Attention, detail: str, source: Source
) -> None:
    payment = keep_payment(purchase, report, attention=attention, detail=detail)
    if (purchase.attention, purchase.attention_detail) == (attention, detail):
        return  # a repeated report of what staff already see
    _keep_ids(purchase, report)
    purchase.attention = attention
    purchase.attention_detail = detail
    log.error("purchase_held_back", purchase=str(purchase.pk), attention=attention, detail=detail)
    record(purchase, Change("held_back", detail={"attention": attention, "detail": detail}), source)
    _apply_early_reversals(purchase, payment, source)


def _grant(purchase: Purchase, arrives_at: datetime.datetime) -> Grant:
    """Grant the credits: with a cost basis if they were paid for, else as promotional. Return the first grant."""
    if purchase.has_schedule and not purchase.stripe_invoice_id:
        schedule_grants(purchase, arrives_at)
    if purchase.has_schedule:
        return grant_due(purchase, arrives_at)[0]
    is_free = purchase.net_minor == 0
    return ledger.grant(
        purchase.account_id,
        purchase.credits,
        kind=Entry.Kind.PURCHASE,
        key=purchase.grant_key,
        reference=str(purchase.pk),
        metadata=purchase.entry_metadata,
        cost=None if is_free else ledger.Cost(purchase.net_minor, purchase.currency),
        promotional=is_free,
        expires_at=_expiry(purchase, arrives_at),
    )


def _credit(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    now = timezone.now()
    was_held_back = bool(purchase.attention)
    grant = _grant(purchase, now)
    payment = keep_payment(purchase, report, lot_id=grant.lot_id)
    _keep_ids(purchase, report)
    purchase.paid_minor = report.amount_minor
    purchase.completed_at = now
    purchase.attention, purchase.attention_detail, purchase.failure_code = Attention.NONE, "", ""
    detail = {"entry": grant.entry_id, "balance_after": str(grant.balance_after)}
    record(purchase, Change("credited", Status.COMPLETED, detail), source)
    _log_credited(purchase, report)
    count_wait(report.paid_at if payment else None, now)
    if payment is not None and payment.was_known and apply_known_reversals(payment):
        record(purchase, Change("returns_settled"), source)
    apply_early_events(payment)
    if was_held_back:
        update_attention(purchase, source)  # another payment may need attention
    defer_confirmation(purchase.pk)


def _log_credited(purchase: Purchase, report: PaymentReport) -> None:
    facts = {
        "purchase": str(purchase.pk),
        "user": str(purchase.user_id),
        "credits": plain(purchase.credits),
        "payment": report.payment_intent_id,
    }
    transaction.on_commit(lambda: log.info("purchase_credited", **facts))


def _expiry(purchase: Purchase, arrives_at: datetime.datetime) -> datetime.datetime | None:
    """Return the expiry: 24-hour days, the same in all time zones, from arrival, as a bank may take days to pay; a
    subscription's credits have theirs.
    """
    if purchase.credits_expire_at is not None:
        return purchase.credits_expire_at
    if purchase.validity_days is None:  # first, as it takes no statement
        return None
    if not purchase.account.has_holder:
        return _expiry_of_gift(purchase)
    return arrives_at + datetime.timedelta(days=purchase.validity_days)


def _expiry_of_gift(purchase: Purchase) -> datetime.datetime | None:
    """Return the expiry of credits in escrow: none, until they were redeemed and their time began."""
    accepted = purchase.accepted_payment
    lot = accepted.lot if accepted else None
    return lot.expires_at - lot.extended_by if lot and lot.expires_at else None


# An unpaid report's change, new status, and the statuses it applies to; in others it is outdated.
FOLLOWING: dict[PaymentState | None, tuple[str, Status, set[Status]]] = {
    PaymentState.PROCESSING: ("payment_processing", Status.PROCESSING, {Status.PENDING}),
    PaymentState.FAILED: ("payment_failed", Status.FAILED, {Status.PENDING, Status.PROCESSING}),
    None: ("checkout_expired", Status.EXPIRED, {Status.PENDING}),
}


def _follow(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    if report.state == PaymentState.OPEN:
        return
    what, status, allowed = FOLLOWING[report.state]
    if purchase.status in allowed:
        keep_payment(purchase, report)
        _keep_ids(purchase, report)
        if report.state == PaymentState.FAILED:
            # Only the payment intent's event has the reason, and it may have arrived first.
            purchase.failure_code = report.failure_code or purchase.failure_code or "payment_failed"
        was_processing = purchase.status == Status.PROCESSING
        record(purchase, Change(what, status), source)
        if was_processing and report.state == PaymentState.FAILED:
            # This is days after the checkout: the buyer is no longer on the page.
            defer_payment_failed_mail(purchase.pk)


def _is_what_was_credited(purchase: Purchase, report: PaymentReport) -> bool:
    paid = (report.state, report.amount_minor, report.currency)
    if paid != (PaymentState.PAID, purchase.paid_minor, purchase.currency):
        return False
    accepted = purchase.accepted_payment
    known = accepted.stripe_payment_intent_id if accepted else None
    return report.payment_intent_id == known and not _has_new_ids(purchase, report)


def _apply_to_credited(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    """Apply a report on a completed purchase: of the accepted payment, or of a second one, which is to be refunded."""
    accepted = purchase.accepted_payment
    is_another = report.payment_intent_id and (
        accepted is None or accepted.stripe_payment_intent_id != report.payment_intent_id
    )
    if not is_another:
        if _has_new_ids(purchase, report) or _adds_payment_method(accepted, report):
            # The payment intent's event came first, and a crash kept us from recording the checkout.
            keep_payment(purchase, report)
            _keep_ids(purchase, report)
            purchase.save(update_fields=["stripe_session_id", "stripe_customer_id"])
    elif report.is_paid:
        _note_second_payment(purchase, report, source)


def _note_second_payment(purchase: Purchase, report: PaymentReport, source: Source) -> None:
    detail = f"also paid by {report.payment_intent_id}: refund it"
    known = purchase.payments.filter(stripe_payment_intent_id=report.payment_intent_id).first()
    payment = keep_payment(purchase, report, attention=Attention.PAID_TWICE, detail=detail)
    if payment is None or (known is not None and known.is_paid):
        return
    log.error("purchase_paid_twice", purchase=str(purchase.pk), payment=report.payment_intent_id)
    if not purchase.attention:
        purchase.attention, purchase.attention_detail = Attention.PAID_TWICE, detail
    record(purchase, Change("paid_twice", detail={"payment": report.payment_intent_id}), source)
    _apply_early_reversals(purchase, payment, source)


def _apply_early_reversals(purchase: Purchase, payment: Payment | None, source: Source) -> None:
    """Apply reversals that were reported before an uncredited payment was known to be paid."""
    apply_early_events(payment)
    if payment is not None and payment.was_known:
        update_attention(purchase, source)


def _has_new_ids(purchase: Purchase, report: PaymentReport) -> bool:
    return bool(report.session_id and not purchase.stripe_session_id)


def _adds_payment_method(accepted: Payment | None, report: PaymentReport) -> bool:
    return accepted is not None and not accepted.stripe_charge_id and report.charge is not None


def _keep_ids(purchase: Purchase, report: PaymentReport) -> None:
    """Store Stripe's ids that the purchase doesn't have yet."""
    purchase.stripe_session_id = purchase.stripe_session_id or report.session_id
    purchase.stripe_customer_id = purchase.stripe_customer_id or report.customer_id
