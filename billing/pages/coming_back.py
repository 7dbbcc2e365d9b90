"""Tell buyers who return from a checkout about its outcome, verified as on the success page.

Our own return URL has `?checkout=cancelled`; older systems' have `?purchase=cancelled` or `?purchase=success`, which
may name the session but mostly doesn't.
"""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from billing.checkout.return_urls import local_path
from billing.checkout.success import confirm_session
from billing.errors import SessionNotFound
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.selectors import purchases_of

Status = Purchase.Status
# A checkout can be paid for a day at most, and few buyers have more than these open: each asks Stripe.
BEGUN_WITHIN = timedelta(days=1)
LOOKED_AT = 3


def tell_who_comes_back(request: HttpRequest) -> HttpResponseRedirect | None:
    """Store the message for the page and redirect to it; return None if the URL asks for no message."""
    came = request.GET.get("purchase") or request.GET.get("checkout")
    if came == "cancelled":
        messages.info(request, _("Checkout cancelled. Nothing was charged."))
    elif came == "success":
        messages.add_message(request, *_outcome(_purchase_of(request)))
    else:
        return None
    if came_from := local_path(request.GET.get("next", "")):
        return HttpResponseRedirect(came_from)
    rest = request.GET.copy()
    for name in ("purchase", "checkout", "session_id", "next"):
        rest.pop(name, None)
    return HttpResponseRedirect(f"{request.path}?{rest.urlencode()}" if rest else request.path)


def _purchase_of(request: HttpRequest) -> Purchase | None:
    """Update the checkouts that the buyer may return from, and return the purchase to report."""
    user = cast(User, request.user)
    begun = purchases_of(user).filter(
        created_at__gte=timezone.now() - BEGUN_WITHIN, stripe_session_id__isnull=False
    )
    named = request.GET.get("session_id", "")
    sessions = [named] if named else list(begun.values_list("stripe_session_id", flat=True)[:LOOKED_AT])
    newest = None
    for session_id in sessions:
        try:
            purchase = confirm_session(user, str(session_id), PurchaseEvent.Source.SUCCESS_PAGE)
        except SessionNotFound:
            continue
        if purchase.is_credited or purchase.attention or purchase.status == Status.PROCESSING:
            return purchase
        newest = newest or purchase
    return newest


def _outcome(purchase: Purchase | None) -> tuple[int, str]:
    if purchase is None:
        return messages.INFO, _("We couldn’t find your purchase. If you paid, please contact support.")
    told = {"credits": purchase.credits_in_words, "status": purchase.get_status_display()}
    if purchase.status == Status.COMPLETED:
        return messages.SUCCESS, _("Payment complete. %(credits)s were added.") % told
    if purchase.attention:
        return messages.WARNING, _(
            "We received your payment, but need to review it before adding the credits."
        )
    if purchase.is_open:
        return messages.INFO, _(
            "Your %(credits)s will be added once the payment is confirmed. Cards take a moment, "
            "bank debits several days."
        ) % told
    return messages.WARNING, _(
        "Your last purchase is now “%(status)s”. See your purchase history for details."
    ) % told
