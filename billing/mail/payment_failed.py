"""Email the buyer about a payment that failed days after checkout, with a way to try again."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing.purchases.models import Purchase
from core.database.locks import take_turns
from credits.mailing import send_mail


def send_payment_failed_mail(purchase_id: UUID) -> bool:
    """Email the buyer if the purchase is still failed; return whether this call did.

    The mark commits after the email is handed over: a crash in between sends it twice, but never loses it.
    """
    with transaction.atomic():
        take_turns(f"payment-failed:{purchase_id}")
        purchase = Purchase.objects.select_related("user", "account__team").get(pk=purchase_id)
        buyer = purchase.user
        if (
            purchase.status != Purchase.Status.FAILED
            or purchase.failure_mailed_at
            or not (buyer and buyer.email)
        ):
            return False
        send_mail("payment_failed", {"purchase": purchase, "team": purchase.account.team}, buyer)
        Purchase.objects.filter(pk=purchase.pk).update(failure_mailed_at=timezone.now())
    return True
