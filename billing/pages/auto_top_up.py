"""Serve the forms about automatic top-up on the billing page."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.switching import acting_team
from billing.auto_top_up.setting import try_again, turn_off, turn_on
from billing.errors import BillingError, NoPaymentMethod
from billing.pages.cards import billing_context, for_managers
from billing.pages.forms import TopUpForm
from credits.errors import InvalidAmount
from credits.ledger.models import Account

UNPROCESSABLE = 422


@for_managers
def save(request: HttpRequest, account: Account) -> HttpResponse:
    """Turn automatic top-up on, or change it; a form that can't be accepted is shown again."""
    form = TopUpForm(request.POST)
    if form.is_valid():
        try:
            row = turn_on(cast(User, request.user), account, form.wish())
        except NoPaymentMethod:
            messages.warning(request, _("Save a card first, then turn on automatic top-up."))
            return redirect("credits-billing")
        except (BillingError, InvalidAmount) as error:
            form.refuse(error)
        else:
            if row.state == row.State.ON:
                messages.success(request, _("Automatic top-up is on."))
            else:
                messages.info(
                    request, _("Your changes were saved. Our staff have suspended automatic top-up.")
                )
            return redirect("credits-billing")
    context = billing_context(cast(User, request.user), acting_team(request), account, top_up_form=form)
    return render(request, "credits/billing.html", context, status=UNPROCESSABLE)


@for_managers
def off(request: HttpRequest, account: Account) -> HttpResponse:
    """Turn automatic top-up off."""
    turn_off(cast(User, request.user), account)
    messages.success(request, _("Automatic top-up is off. Your card won’t be charged automatically."))
    return redirect("credits-billing")


@for_managers
def again(request: HttpRequest, account: Account) -> HttpResponse:
    """Resume what a decline stopped."""
    try:
        try_again(cast(User, request.user), account)
    except NoPaymentMethod:
        messages.warning(request, _("Save a card first."))
    else:
        messages.success(request, _("We’ll charge your card again when your balance is below the threshold."))
    return redirect("credits-billing")
