"""Serve the pages of packages bought as a gift: buy one, see how far it has come, and send it again."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.errors import UserErased
from accounts.limits.rates import RateLimited
from accounts.models import User
from accounts.sign_in.resuming import posted_from
from billing.checkout.orders import PurchaseOrder
from billing.checkout.quoting import quote_order
from billing.checkout.terms import PurchaseTerms
from billing.discounts.models import LONGEST_CODE
from billing.errors import BillingError, CodeRefused, OfferChanged
from billing.gift_codes.delivery import send_again, show_code
from billing.gift_codes.models import LONGEST_EMAIL, LONGEST_MESSAGE, LONGEST_NAME, GiftOrder
from billing.gift_codes.ordering import MOST_DAYS_AHEAD, GiftWish
from billing.pages.views import seen_in, start_order, why_not
from core.errors import DomainError
from credits.errors import InvalidGift
from credits.gifts.giving import are_offered
from credits.redemption.errors import NothingInEscrow
from credits.redemption.links import link_of

SEE_OTHER = 303


class RecipientForm(forms.Form):
    """Who gets a gift. The rules are those of `billing.gift_codes.ordering`."""

    email = forms.CharField(
        max_length=LONGEST_EMAIL, error_messages={"required": gettext_lazy("Enter the recipient’s email.")}
    )
    name = forms.CharField(max_length=LONGEST_NAME, required=False)

    def refuse(self, error: DomainError) -> None:
        field = error.params.get("field")
        self.add_error(field if field in self.fields else None, error.message)


class GiftForm(RecipientForm):
    """Who gets a gift, with which words, and when."""

    message = forms.CharField(max_length=LONGEST_MESSAGE, required=False)
    on = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Choose a day from today to a year ahead.")},
    )

    def wish(self) -> GiftWish:
        return GiftWish(**self.cleaned_data)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from(gettext_lazy("You were signed out. Nothing was charged. Please fill in the form again."))
def buy_gift(request: HttpRequest) -> HttpResponse:
    """Ask for whom a package is, and open its checkout."""
    if not are_offered():
        raise Http404
    user, sent = cast(User, request.user), request.POST if request.method == "POST" else request.GET
    order = PurchaseOrder(
        sent.get("package", ""),
        currency=sent.get("currency", "")[:3],
        discount_code=sent.get("code", "")[:LONGEST_CODE],
    )
    form = GiftForm(request.POST if request.method == "POST" else None)
    try:
        try:
            terms = quote_order(user, order)
        except CodeRefused as error:
            messages.warning(request, error.message)
            order = replace(order, discount_code="")
            terms = quote_order(user, order)
        if request.method == "POST" and form.is_valid():
            token = request.POST.get("order_token", "")[:64]
            key = f"gift:{token}:{order.package_code}" if token else ""
            wished = replace(order, gift=form.wish(), idempotency_key=key, seen=seen_in(request.POST))
            url = start_order(user, wished).checkout_url
            return HttpResponse(status=SEE_OTHER, headers={"Location": url})
    except InvalidGift as error:
        form.refuse(error)
    except OfferChanged as error:
        messages.warning(request, error.message)
        terms = quote_order(user, order)
    except (BillingError, UserErased) as error:
        messages.add_message(request, *why_not(error, by_card=False))
        return redirect("credits")
    return _ask(request, form, order, terms)


def _ask(request: HttpRequest, form: GiftForm, order: PurchaseOrder, terms: PurchaseTerms) -> HttpResponse:
    today = timezone.localdate()
    context = {
        "form": form,
        "order": order,
        "terms": terms,
        "order_token": uuid.uuid4(),
        "today": today.isoformat(),
        "last_day": (today + timedelta(days=MOST_DAYS_AHEAD)).isoformat(),
        "longest_message": LONGEST_MESSAGE,
    }
    return render(request, "credits/gift_buy.html", context, status=400 if form.errors else None)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@posted_from(gettext_lazy("You were signed out. Please try again."))
def gift_page(request: HttpRequest, purchase_id: uuid.UUID) -> HttpResponse:
    """Show its buyer how far a gift has come; send it again, or show a new code."""
    user = cast(User, request.user)
    gifts = GiftOrder.objects.select_related("purchase__account", "code")
    gift = get_object_or_404(gifts, purchase=purchase_id, purchase__user=user)
    shown: dict[str, Any] = {}
    form = RecipientForm(initial={"email": gift.recipient_email, "name": gift.recipient_name})
    if request.method == "POST":
        form = RecipientForm(request.POST) if "email" in request.POST else form
        try:
            if "show" in request.POST:
                code = show_code(gift)
                shown = {"code": code, "link": link_of(code)}
                gift = gifts.get(pk=gift.pk)
            elif form.is_valid():
                send_again(gift, form.cleaned_data["email"], form.cleaned_data["name"])
                messages.success(request, _("The gift will be emailed to %(email)s.") % form.cleaned_data)
                return redirect("credits-gift-order", purchase_id)
        except InvalidGift as error:
            form.refuse(error)
        except NothingInEscrow as error:
            messages.warning(request, error.message)
            return redirect("credits-gift-order", purchase_id)
        except RateLimited:
            messages.error(request, _("You’ve sent this gift too often today. Please try again tomorrow."))
            return redirect("credits-gift-order", purchase_id)
    context = {"gift": gift, "purchase": gift.purchase, "form": form, **shown}
    return render(request, "credits/gift_order.html", context, status=400 if form.errors else None)
