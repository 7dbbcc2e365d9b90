"""The mail that confirms a purchase, with its receipt."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext, override

from billing.models import Purchase


def send_purchase_confirmation(purchase_id: UUID) -> bool:
    """Mails the buyer of a completed purchase, once: whether this call sent it.

    The mark commits after the mail is handed over. So a crash between the two sends it a second time, and never not at
    all. Two jobs at once take turns, by a lock of their own: a mail server that hangs must not hold up the purchase's
    webhooks, which wait for its row.
    """
    with transaction.atomic():
        _take_turns(purchase_id)
        purchase = Purchase.objects.select_related("user", "account__team").get(pk=purchase_id)
        recipient = purchase.user.email if purchase.user else ""
        if not purchase.is_credited or purchase.confirmation_sent_at or not recipient:
            return False
        confirmation_mail(purchase, recipient).send()
        purchase.confirmation_sent_at = timezone.now()
        purchase.save(update_fields=["confirmation_sent_at"])
    return True


def _take_turns(purchase_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"confirmation:{purchase_id}"]
        )


def confirmation_mail(purchase: Purchase, recipient: str) -> EmailMultiAlternatives:
    """The mail, as text and HTML."""
    with override(settings.LANGUAGE_CODE):
        context = {
            "purchase": purchase,
            "team": purchase.account.team,
            "balance": purchase.account.balance,
            "site_name": settings.SITE_NAME,
            "history_url": f"{settings.SITE_URL}/credits/history/",
        }
        subject = gettext("Your credits are here: %(package)s") % {"package": purchase.package_name}
        mail = EmailMultiAlternatives(
            " ".join(subject.split()),  # a header has one line
            render_to_string("emails/purchase_confirmation.txt", context),
            to=[recipient],
        )
        mail.attach_alternative(render_to_string("emails/purchase_confirmation.html", context), "text/html")
    return mail
