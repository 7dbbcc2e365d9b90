"""Dismiss a checkout that its buyer has abandoned."""

from __future__ import annotations

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.sign_in.resuming import posted_from
from billing.checkout.dismissal import dismiss_checkout
from billing.checkout.return_urls import local_path
from billing.errors import BillingError, PurchaseInProgress
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent


@never_cache
@login_required
@posted_from(gettext_lazy("You were signed out. Please press Dismiss again."), "credits")
@require_POST
def dismiss(request: HttpRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Close one of the user's checkouts, report the outcome, and show the list again."""
    purchase = get_object_or_404(Purchase, pk=purchase_id, user=cast(User, request.user))
    try:
        dismiss_checkout(purchase, Source(PurchaseEvent.Source.PAGE))
    except PurchaseInProgress:
        messages.info(request, _("This checkout is still opening. Please try again in a few minutes."))
    except BillingError:
        messages.error(request, _("The checkout couldn’t be dismissed. Please try again in a few minutes."))
    else:
        _say_what_became_of(purchase, request)
    return redirect(local_path(request.POST.get("next", "")) or "credits")


def _say_what_became_of(purchase: Purchase, request: HttpRequest) -> None:
    if purchase.is_credited:
        message = _("This purchase was paid before it could be dismissed. Its credits have been added.")
        messages.warning(request, message)
    elif purchase.attention:
        messages.warning(request, _("A payment arrived for this purchase. We’re reviewing it."))
    elif purchase.status == Purchase.Status.PROCESSING:
        message = _("This purchase can’t be dismissed: its payment is in progress.")
        messages.warning(request, message)
    elif purchase.is_open:
        messages.error(request, _("The checkout couldn’t be dismissed. Please try again in a few minutes."))
    else:
        messages.success(request, _("Checkout dismissed. Nothing was charged."))
