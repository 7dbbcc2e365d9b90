"""Refunds and disputes that Stripe has and we don't, or not as they stand: recorded, so that credits follow."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing import stripe_gateway
from billing.disputes import record_dispute
from billing.errors import StripeUnavailable
from billing.models import Dispute, Purchase, Refund
from billing.purchase_log import Told
from billing.refunds import issue_refund, record_refund
from billing.stripe_objects import StripeDispute, StripeRefund

log = structlog.get_logger(__name__)


def bring_returns_up_to_date(
    start: datetime.datetime, end: datetime.datetime, told: Told
) -> Iterator[tuple[Purchase, str]]:
    """Records what Stripe has of the period. Gives the purchase and what was wrong, for each that was.

    Raises:
        StripeUnavailable, StripeRefused: no answer; what was recorded so far stays.
    """
    for refund in stripe_gateway.refunds_made_in(start, end):
        known = Refund.objects.filter(stripe_refund_id=refund.id).values_list("status", flat=True).first()
        if known != refund.status and _is_ours(refund.payment_intent_id):
            yield from _recorded(refund, known, told)
    for dispute in stripe_gateway.disputes_opened_in(start, end):
        known = Dispute.objects.filter(stripe_dispute_id=dispute.id).values_list("status", flat=True).first()
        if known != dispute.status and _is_ours(dispute.payment_intent_id):
            yield from _recorded(dispute, known, told)


def issue_unanswered_refunds() -> int:
    """Asks Stripe about refunds whose answer nobody recorded for longer than SWEEP_AFTER. How many were settled."""
    settled = 0
    before = timezone.now() - settings.SWEEP_AFTER
    unanswered = Refund.objects.filter(status=Refund.Status.REQUESTED, created_at__lt=before)
    for refund_id in unanswered.order_by("created_at").values_list("pk", flat=True):
        try:
            settled += issue_refund(refund_id, look_first=True).status != Refund.Status.REQUESTED
        except StripeUnavailable:
            break  # not reachable: the next sweep goes on
    return settled


def _is_ours(payment_intent_id: str) -> bool:
    return Purchase.objects.filter(stripe_payment_intent_id=payment_intent_id).exists()


def _recorded(
    reported: StripeRefund | StripeDispute, known: str | None, told: Told
) -> Iterator[tuple[Purchase, str]]:
    with transaction.atomic():
        if isinstance(reported, StripeRefund):
            purchase = record_refund(reported, told).purchase
        else:
            purchase = record_dispute(reported, told).purchase
    if purchase is not None:
        yield purchase, f"{reported.id}: {known or 'unknown here'} → {reported.status}"
