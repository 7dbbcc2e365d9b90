"""Email the buyer about a refund and staff about a dispute, once each.

The mark commits after the email is handed over: a crash in between sends it twice, but never loses it.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from billing.receipts.issuing import file_of, issue_credit_note
from billing.receipts.models import Receipt
from billing.refunds.claims import claim_of
from billing.refunds.models import Dispute, Refund
from core.database.locks import take_turns
from credits.ledger.holders import sees_credits_of
from credits.mailing import link_to, send_mail, send_mail_to


def send_refund_mail(refund_id: UUID) -> bool:
    """Email the buyer about a valid refund; return whether this call did. Issue its credit note if it has succeeded."""
    credit_note = _credit_note(refund_id)
    with transaction.atomic():
        take_turns(f"refund:{refund_id}")
        of_all = "payment__purchase__user", "payment__purchase__account__team"
        refund = Refund.objects.select_related(*of_all).get(pk=refund_id)
        purchase = refund.purchase
        if refund.mailed_at or refund.status not in Refund.STANDING:
            return False
        buyer = purchase.user
        if buyer is None or not buyer.email:
            return False
        context = {
            "refund": refund,
            "claim": claim_of(refund),
            "purchase": purchase,
            "team": purchase.account.team,
            "balance": purchase.account.balance if sees_credits_of(buyer, purchase.account) else None,
            "credit_note": credit_note,
            "history_url": link_to("credits-history"),
        }
        send_mail("refund", context, buyer, [file_of(credit_note)] if credit_note else [])
        Refund.objects.filter(pk=refund.pk).update(mailed_at=timezone.now())
    return True


def _credit_note(refund_id: UUID) -> Receipt | None:
    refund = Refund.objects.select_related("payment__purchase").get(pk=refund_id)
    has_note = (
        refund.status == Refund.Status.SUCCEEDED
        and refund.is_of_accepted_payment
        and refund.purchase.has_own_receipt
    )
    return issue_credit_note(refund) if has_note else None


def tell_staff_of_dispute(dispute_id: UUID) -> bool:
    """Email `STAFF_EMAIL` about a new dispute; return whether this call did."""
    with transaction.atomic():
        take_turns(f"dispute:{dispute_id}")
        dispute = Dispute.objects.select_related("payment__purchase__user").get(pk=dispute_id)
        if dispute.staff_told_at or not settings.STAFF_EMAIL:
            return False
        page = reverse("admin:refunds_dispute_change", args=[dispute.pk])
        context = {
            "dispute": dispute,
            "purchase": dispute.purchase,
            "frozen": claim_of(dispute).taken,
            "page_url": f"{settings.SITE_URL}{page}",
        }
        send_mail_to("dispute", context, settings.STAFF_EMAIL)
        Dispute.objects.filter(pk=dispute.pk).update(staff_told_at=timezone.now())
    return True
