"""Handle events about refunds and disputes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing.deferring import defer_refund_sync
from billing.inbox.models import InboxEvent
from billing.inbox.outcomes import Outcome, applied_to, source_of, unmatched
from billing.provider import provider
from billing.provider.objects import EventKind, ProviderEvent
from billing.purchases.matching import payment_of
from billing.refunds.disputes import record_dispute
from billing.refunds.models import Refund
from billing.refunds.refunding import record_refund
from billing.refunds.selectors import recorded_refunds

NOTHING_MOVED = Outcome(InboxEvent.Status.STORED, note="Its amount is 0 or less, so nothing was refunded.")


def _refund_reported(event: ProviderEvent) -> Outcome:
    reported = provider().refund_of(event)
    if reported.amount <= 0:
        return NOTHING_MOVED
    refund = record_refund(reported, source_of(event))
    if refund is None:
        return unmatched()
    return applied_to(refund.purchase, _unknown(reported.status, Refund.Status.values))


def _charge_refunded(event: ProviderEvent) -> Outcome:
    # This event has only the refunds' sum. If that exceeds our records, some refunds' own events are missing.
    charge = provider().charge_of(event)
    payment = payment_of(charge.payment_intent_id, charge.id)
    if payment is None:
        return unmatched(charge.reference)
    if charge.amount_refunded > recorded_refunds(payment):
        defer_refund_sync(payment.pk)
    return applied_to(payment.purchase)


def _dispute_reported(event: ProviderEvent) -> Outcome:
    reported = provider().dispute_of(event)
    if reported.amount <= 0:
        return NOTHING_MOVED
    dispute = record_dispute(reported, source_of(event))
    if dispute is None:
        return unmatched()
    return applied_to(dispute.purchase, _unknown(reported.status, dispute.Status.values))


def _unknown(status: str, known: list[str]) -> str:
    return (
        "" if status in known else f"Its status {status[:100]!r} is unknown; the last known status is kept."
    )


REVERSAL_HANDLERS: Mapping[EventKind | None, Callable[[ProviderEvent], Outcome]] = {
    EventKind.REFUND: _refund_reported,
    EventKind.CHARGE_REFUNDED: _charge_refunded,
    EventKind.DISPUTE: _dispute_reported,
}
