"""Serve receipts over HTTP, for the buyer's pages, the API and the admin."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect

from billing.purchases.models import Purchase
from billing.receipts.issuing import file_of, invoice_address, issue_credit_note, issue_receipt
from billing.receipts.models import Receipt
from billing.refunds.models import Refund

NOT_KEPT = "no-store"


def purchase_document(purchase: Purchase) -> HttpResponse:
    """Return the purchase's receipt, or a redirect to Stripe's invoice.

    Raises:
        NoReceipt: there is none, or not yet.
        StripeUnavailable, StripeRefused: the invoice's URL is unavailable.
    """
    if not purchase.invoiced_by_stripe:
        return as_pdf(issue_receipt(purchase.pk))
    answer = redirect(invoice_address(purchase))
    answer.headers["Cache-Control"] = NOT_KEPT
    return answer


def refund_document(refund: Refund) -> HttpResponse:
    """Return the refund's credit note. Raises NoReceipt."""
    return as_pdf(issue_credit_note(refund))


def as_pdf(receipt: Receipt) -> HttpResponse:
    file = file_of(receipt)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": NOT_KEPT}
    return HttpResponse(file.content, content_type=file.content_type, headers=headers)
