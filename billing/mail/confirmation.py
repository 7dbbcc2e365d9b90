"""Email the confirmation of a purchase, with its receipt."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing.purchases.models import Purchase
from billing.purchases.payment_methods import ask_how_was_paid
from billing.purchases.totals_explained import explain_total
from billing.receipts.issuing import file_of, issue_receipt
from core.database.locks import take_turns
from credits.ledger.holders import sees_credits_of
from credits.mailing import link_to, send_mail


def send_purchase_confirmation(purchase_id: UUID) -> bool:
    """Email the buyer of a completed purchase once; return whether this call did. Issue its receipt in any case.

    The mark commits after the email is handed over: a crash in between sends it twice, but never loses it. Jobs take
    turns by a lock of their own, so that a hanging mail server doesn't block webhooks, which wait for the row.
    """
    purchase = Purchase.objects.get(pk=purchase_id)
    payment = purchase.accepted_payment
    if payment is not None and not payment.stripe_charge_id:
        ask_how_was_paid(payment)  # the receipt shows it and can't change later
    if not purchase.has_own_receipt:
        explain_total(purchase)  # else its receipt does
    receipt = issue_receipt(purchase_id) if purchase.has_own_receipt else None
    with transaction.atomic():
        take_turns(f"confirmation:{purchase_id}")
        purchase = Purchase.objects.select_related("user", "account__team").get(pk=purchase_id)
        buyer = purchase.user
        if not purchase.is_credited or purchase.confirmation_sent_at or not (buyer and buyer.email):
            return False
        context = {
            "purchase": purchase,
            "team": purchase.account.team,
            "arrived": purchase.credits_arrived,
            "balance": purchase.account.balance if sees_credits_of(buyer, purchase.account) else None,
            "receipt": receipt,
            "receipt_url": link_to("credits-receipt", purchase.pk),
            "history_url": link_to("credits-history"),
        }
        attached = [file_of(receipt)] if receipt else []
        send_mail("purchase_confirmation", context, buyer, attached)
        purchase.confirmation_sent_at = timezone.now()
        purchase.save(update_fields=["confirmation_sent_at"])
    return True
