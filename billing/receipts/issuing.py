"""Issue receipts and credit notes, numbered when first emailed or opened.

They aren't numbered in the transaction that credits the purchase: for a series without gaps, taking a number blocks all
others until the commit, and webhooks must not wait for one another. Numbers follow the order of issue; the document's
day and the year in its number are those of the payment or refund at Stripe.
"""

from __future__ import annotations

import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.languages import language_of
from accounts.time_zones import site_zone
from billing.errors import NoReceipt
from billing.provider import provider
from billing.provider.objects import Invoice
from billing.purchases.log import lock_purchase
from billing.purchases.models import Purchase
from billing.purchases.payment_methods import paid_with
from billing.purchases.totals_explained import explain_total
from billing.receipts.models import Receipt
from billing.receipts.pdf import render_receipt
from billing.refunds.models import Refund
from billing.refunds.returned_tax import tax_of
from core.database.locks import require_transaction
from credits.mailing import Attachment

Kind = Receipt.Kind


PDF = "application/pdf"


def file_of(receipt: Receipt) -> Attachment:
    """Render the document as a PDF attachment."""
    return Attachment(f"{receipt.number}.pdf", render_receipt(receipt), PDF)


def issue_receipt(purchase_id: UUID) -> Receipt:
    """Return a purchase's receipt, numbered on the first call. Safe to repeat, also concurrently.

    Raises:
        NoReceipt: nothing was paid, or Stripe's invoice is the document.
        StripeUnavailable, StripeRefused: it must say why there is no tax, and Stripe gave no answer.
    """
    found = _documents().filter(purchase=purchase_id, kind=Kind.RECEIPT).first()
    if found is not None:
        return found
    explain_total(Purchase.objects.get(pk=purchase_id))
    return _issue_receipt(purchase_id)


def issue_credit_note(refund: Refund) -> Receipt:
    """Return a succeeded refund's credit note, numbered on the first call.

    If the refund fails later, as some do, the note is no longer available, but its number stays used.

    Raises:
        NoReceipt: the refund hasn't succeeded, its payment is uncredited and so has no receipt, or Stripe's invoice is
            the purchase's document.
    """
    if refund.status != Refund.Status.SUCCEEDED or not refund.is_of_accepted_payment:
        raise NoReceipt(_("This refund has no credit note."))
    found = _documents().filter(refund=refund).first()
    if found is not None:
        return found
    explain_total(refund.purchase)  # its receipt may be issued first
    return _issue_credit_note(refund.purchase.pk, refund.pk)


def invoice_address(purchase: Purchase) -> str:
    """Fetch the URL of Stripe's invoice PDF; not cached, as such URLs expire after some weeks.

    Raises:
        NoReceipt: nothing was paid, or Stripe hasn't issued the invoice yet.
        StripeUnavailable, StripeRefused: no answer.
    """
    if not (purchase.has_receipt and purchase.invoiced_by_stripe):
        raise NoReceipt(_("This purchase has no invoice."))
    invoice: Invoice | None
    if purchase.stripe_invoice_id:
        invoice = provider().retrieve_invoice(purchase.stripe_invoice_id)
    elif purchase.stripe_session_id:
        invoice = provider().invoice_of_session(purchase.stripe_session_id)
    else:
        raise NoReceipt(_("This purchase has no invoice."))
    if invoice is None or not invoice.pdf_url:
        raise NoReceipt(_("The invoice isn’t ready yet. Please try again in a minute."))
    return invoice.pdf_url


def erase_buyers(receipts: QuerySet[Receipt]) -> int:
    """Erase buyers and payment methods from these documents, keeping the rest; return how many had any."""
    return receipts.exclude(buyer="", paid_with="").update(buyer="", paid_with="")


def _documents() -> QuerySet[Receipt]:
    return Receipt.objects.select_related("purchase", "refund__payment")


@transaction.atomic(durable=True)  # a caller's transaction would keep the series locked for longer
def _issue_receipt(purchase_id: UUID) -> Receipt:
    return _receipt_of(lock_purchase(purchase_id))


@transaction.atomic(durable=True)
def _issue_credit_note(purchase_id: UUID, refund_id: UUID) -> Receipt:
    purchase = lock_purchase(purchase_id)
    found = _documents().filter(refund=refund_id).first()
    if found is not None:
        return found
    receipt = _receipt_of(purchase)  # the credit note refers to it, so it is numbered first
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.settled_at is None:
        raise NoReceipt(_("This refund has no credit note."))
    day = timezone.localdate(refund.at, site_zone())
    note = Receipt(kind=Kind.CREDIT_NOTE, purchase=purchase, refund=refund, day=day, buyer=receipt.buyer)
    note.tax_minor = tax_of(refund).minor
    return _issue(note)


def _receipt_of(purchase: Purchase) -> Receipt:
    """Return the receipt of a locked purchase, issuing it if there is none."""
    found = _documents().filter(purchase=purchase, kind=Kind.RECEIPT).first()
    if found is not None:
        return found
    if not purchase.has_own_receipt or purchase.completed_at is None:
        raise NoReceipt(_("This purchase has no receipt."))
    payment = purchase.accepted_payment
    paid_at = payment.paid_at if payment else None
    day = timezone.localdate(paid_at or purchase.completed_at, site_zone())
    receipt = Receipt(kind=Kind.RECEIPT, purchase=purchase, day=day, buyer=_buyer_of(purchase))
    with override(language_of(purchase.user)):
        receipt.paid_with = str(paid_with(payment)) if payment else ""
    receipt.tax_minor = purchase.tax_minor
    return _issue(receipt)


def _issue(receipt: Receipt) -> Receipt:
    """Save the document with its number and the current settings."""
    prefix = settings.CREDIT_NOTE_PREFIX if receipt.kind == Kind.CREDIT_NOTE else settings.RECEIPT_PREFIX
    receipt.series = f"{prefix}-{receipt.day.year}" if settings.RECEIPT_NUMBERS_PER_YEAR else prefix
    receipt.serial = _next_of(receipt.series)
    receipt.number = f"{receipt.series}-{receipt.serial:06}"
    receipt.issued_at = datetime.datetime.now(datetime.UTC)
    receipt.language = language_of(receipt.purchase.user)
    receipt.seller_name = settings.SELLER_NAME
    receipt.seller_address = settings.SELLER_ADDRESS
    receipt.seller_tax_id = settings.SELLER_TAX_ID
    receipt.note = settings.RECEIPT_NOTE
    receipt.save(force_insert=True)
    return receipt


def _next_of(series: str) -> int:
    """Take the series' next number, counted from 1, and lock the series until the transaction ends."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO receipts_receiptseries AS series (name, last) VALUES (%s, 1)"
            " ON CONFLICT (name) DO UPDATE SET last = series.last + 1 RETURNING last",
            [series],
        )
        return int(cursor.fetchone()[0])


def _buyer_of(purchase: Purchase) -> str:
    """Return the buyer's name, email address and team, as far as known, one per line."""
    user, team = purchase.user, purchase.account.team
    if user is None:
        return ""
    name = user.get_full_name() or ("" if user.email else user.username)
    return "\n".join(line for line in (name, user.email, team.name if team else "") if line)
