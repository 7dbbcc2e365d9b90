"""Serve receipts and credit notes from the history, to buyers and to those who manage their team."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from billing.errors import NoReceipt
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.purchases.selectors import documented_purchases
from billing.receipts.downloads import purchase_document, refund_document
from billing.refunds.selectors import documented_refunds


@login_required
@require_safe
def receipt(request: HttpRequest, purchase_id: UUID) -> HttpResponse:
    """Serve a purchase's receipt, or redirect to Stripe's invoice."""
    purchase = documented_purchases(cast(User, request.user)).filter(pk=purchase_id).first()
    if purchase is None:
        raise Http404
    return _or_say_why(request, lambda: purchase_document(purchase))


@login_required
@require_safe
def credit_note(request: HttpRequest, refund_id: UUID) -> HttpResponse:
    refund = documented_refunds(cast(User, request.user)).filter(pk=refund_id).first()
    if refund is None:
        raise Http404
    return _or_say_why(request, lambda: refund_document(refund))


def _or_say_why(request: HttpRequest, document: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the document, or redirect to the history with a message, where it can be retried."""
    try:
        return document()
    except NoReceipt as error:
        messages.error(request, error.message)
    except StripeRefused:
        messages.error(request, _("We couldn’t get the invoice. Please contact support."))
    except StripeUnavailable:
        messages.error(request, _("We couldn’t get the invoice. Please try again in a few minutes."))
    return redirect("credits-history")
