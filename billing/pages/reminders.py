"""Serve the pages of checkout reminders: agree to them, continue a checkout that expired, and stop them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import UserErased
from accounts.models import User
from accounts.sign_in.resuming import posted_from
from accounts.teams.errors import UnknownTeam
from billing.errors import BillingError, OfferChanged
from billing.pages.views import seen_in, start_order, why_not
from billing.purchases.models import Purchase
from billing.recovery.consents import agree, withdraw
from billing.recovery.models import Reminder, ReminderConsent
from billing.recovery.offers import ResumedOffer, resume_offer
from billing.recovery.resuming import note_resumed, resumed_purchase

SEE_OTHER = 303
Withdrawn = ReminderConsent.Withdrawn


@never_cache
@login_required
@posted_from(gettext_lazy("You were signed out. Please try again."), "credits")
@require_POST
def choose_reminders(request: HttpRequest) -> HttpResponse:
    """Record that the user agrees to reminders, or doesn't any more."""
    user = cast(User, request.user)
    if request.POST.get("on"):
        try:
            agree(user)
        except UserErased as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("We’ll remind you once if you leave a checkout unfinished."))
    else:
        withdraw(user, Withdrawn.PAGE)
        messages.success(request, _("You won’t get reminders of unfinished checkouts any more."))
    return redirect("credits")


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from(gettext_lazy("You were signed out. Nothing was charged. Please press the button again."))
def resume(request: HttpRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Show what an expired checkout would sell now, and begin it again."""
    user = cast(User, request.user)
    purchase = get_object_or_404(Purchase, pk=purchase_id, user=user, reminder__isnull=False)
    again = resumed_purchase(purchase)
    if purchase.status != Purchase.Status.EXPIRED or (again and again.is_credited):
        messages.info(request, _("You’ve already bought this."))
        return redirect("credits-history")
    try:
        offer = resume_offer(user, purchase)
        if request.method == "POST":
            return _begin(request, purchase, offer)
    except OfferChanged as error:
        messages.warning(request, error.message)
    except (BillingError, UnknownTeam, UserErased) as error:
        messages.add_message(request, *why_not(error, by_card=False))
        return redirect("credits")
    context = {
        "purchase": purchase,
        "offer": offer,
        "team": purchase.account.team,
        "order_token": uuid.uuid4(),
    }
    return render(request, "credits/resume.html", context)


def _begin(request: HttpRequest, purchase: Purchase, offer: ResumedOffer) -> HttpResponse:
    token = request.POST.get("order_token", "")[:64]
    order = replace(
        offer.order,
        idempotency_key=f"page:{token}:{purchase.pk}" if token else "",
        seen=seen_in(request.POST),
    )
    started = start_order(cast(User, request.user), order)
    note_resumed(purchase, started.purchase)
    return HttpResponse(status=SEE_OTHER, headers={"Location": started.checkout_url})


@csrf_exempt  # mail programs post here with one click; whoever has the link may
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def stop_reminders(request: HttpRequest, reminder_id: uuid.UUID) -> HttpResponse:
    """Withdraw the consent of a reminder's reader, without signing in. A GET only asks: mail scanners follow links."""
    reminder = get_object_or_404(Reminder.objects.select_related("purchase__user"), pk=reminder_id)
    stopped = request.method == "POST"
    if stopped and reminder.purchase.user is not None:
        withdraw(reminder.purchase.user, Withdrawn.MAIL)
    return render(request, "credits/stop_reminders.html", {"stopped": stopped})
