"""Serve the buttons of plans: subscribe, change, cancel."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.models import User
from billing.errors import AlreadySubscribed, BillingError, SubscriptionFixed, TooManyPurchases, UnknownPlan
from billing.pages.cards import _go_to as go_to
from billing.pages.cards import for_managers
from billing.provider.errors import PaymentDeclined
from billing.subscriptions.changing import change_plan, price_paid, set_ending
from billing.subscriptions.selectors import alive_subscription
from billing.subscriptions.subscribing import subscribe
from credits.ledger.models import Account


@for_managers
def subscribe_to(request: HttpRequest, account: Account) -> HttpResponse:
    """Open a checkout for a plan, and redirect to it."""
    try:
        return go_to(subscribe(_user(request), account, request.POST.get("plan_code", "")).checkout_url)
    except (AlreadySubscribed, UnknownPlan, TooManyPurchases) as error:
        return _told(request, error)


@for_managers
def change(request: HttpRequest, account: Account) -> HttpResponse:
    """Move the account's subscription to another plan."""
    subscription = alive_subscription(account)
    if subscription is None or not subscription.stripe_subscription_id:
        return _told(request, UnknownPlan(_("There is no plan to change.")))
    paid = price_paid(subscription)
    try:
        changed = change_plan(_user(request), subscription, request.POST.get("plan_code", ""))
    except (PaymentDeclined, SubscriptionFixed, UnknownPlan) as error:
        return _told(request, error)
    if changed.terms.price_minor <= paid:
        told = _("Your plan is %(plan)s from the next period on.")
    else:
        told = _("Your plan is %(plan)s now.")
    messages.success(request, told % {"plan": changed.terms.plan_name})
    return redirect("credits-billing")


@for_managers
def change_ending(request: HttpRequest, account: Account) -> HttpResponse:
    """Let the account's subscription end with its period, or go on."""
    subscription = alive_subscription(account)
    if subscription is None or not subscription.stripe_subscription_id:
        return _told(request, UnknownPlan(_("There is no plan to change.")))
    ends = request.POST.get("ends") == "1"
    set_ending(_user(request), subscription, ends=ends)
    messages.success(
        request, _("Your plan ends at the end of its period.") if ends else _("Your plan continues.")
    )
    return redirect("credits-billing")


def _told(request: HttpRequest, error: BillingError) -> HttpResponse:
    messages.error(request, error.message)
    return redirect("credits-billing")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
