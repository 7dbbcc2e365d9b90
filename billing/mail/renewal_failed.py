"""Email the subscriber about an invoice that couldn't be collected, with the link to pay it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from billing.customers.permissions import who_pays
from billing.subscriptions.models import SubscriptionInvoice
from core.database.locks import take_turns
from credits.mailing import send_mail


def send_renewal_failed_mail(invoice_id: int) -> bool:
    """Email who subscribed, or the team's owner, while the invoice is open; return whether this call did.

    The mark commits after the email is handed over, as in `billing.mail.payment_failed`.
    """
    with transaction.atomic():
        take_turns(f"renewal-failed:{invoice_id}")
        invoice = SubscriptionInvoice.objects.select_related("subscription__account__team").get(pk=invoice_id)
        subscription = invoice.subscription
        payer = who_pays(subscription.account)
        if invoice.status != "open" or invoice.failure_mailed_at or not invoice.hosted_url:
            return False
        if payer is None or not payer.email:
            return False
        context = {"invoice": invoice, "plan": subscription.terms, "team": subscription.account.team}
        send_mail("renewal_failed", context, payer)
        SubscriptionInvoice.objects.filter(pk=invoice.pk).update(failure_mailed_at=timezone.now())
    return True
