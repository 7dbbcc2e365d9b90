"""Refunds and disputes that Stripe has and we don't, or not as they stand: recorded, so that credits follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing.disputes import record_dispute
from billing.errors import StripeUnavailable
from billing.models import Dispute, Purchase, Refund, UncreditedPayment
from billing.purchase_log import Told
from billing.refunds import issue_refund, record_refund
from billing.settling import Finding, Report
from billing.stripe_objects import StripeDispute, StripeRefund

log = structlog.get_logger(__name__)
Returned = TypeVar("Returned", StripeRefund, StripeDispute)


def compare_refunds(listed: Sequence[StripeRefund], report: Report, told: Told) -> None:
    """Records those of a page of Stripe's refunds that stand otherwise here, or not at all."""
    known = dict(
        Refund.objects.filter(stripe_refund_id__in=[refund.id for refund in listed]).values_list(
            "stripe_refund_id", "status"
        )
    )
    for refund in _ours(listed):
        if known.get(refund.id) != refund.status:
            _record(refund, known.get(refund.id), report, told)


def compare_disputes(listed: Sequence[StripeDispute], report: Report, told: Told) -> None:
    """The same of disputes."""
    known = dict(
        Dispute.objects.filter(stripe_dispute_id__in=[dispute.id for dispute in listed]).values_list(
            "stripe_dispute_id", "status"
        )
    )
    for dispute in _ours(listed):
        if known.get(dispute.id) != dispute.status:
            _record(dispute, known.get(dispute.id), report, told)


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


def _ours(listed: Sequence[Returned]) -> list[Returned]:
    named = {"stripe_payment_intent_id__in": [one.payment_intent_id for one in listed]}
    purchases, uncredited = Purchase.objects.filter(**named), UncreditedPayment.objects.filter(**named)
    ours = {
        payment
        for rows in (purchases, uncredited)
        for payment in rows.values_list("stripe_payment_intent_id", flat=True)
    }
    return [one for one in listed if one.payment_intent_id in ours]


def _record(reported: StripeRefund | StripeDispute, known: str | None, report: Report, told: Told) -> None:
    with transaction.atomic():
        if isinstance(reported, StripeRefund):
            purchase = record_refund(reported, told).purchase
        else:
            purchase = record_dispute(reported, told).purchase
        if purchase is not None:
            detail = f"{reported.id}: {known or 'unknown here'} → {reported.status}"
            report.note_repair(Finding("returned_not_here", detail, str(purchase.pk)))
