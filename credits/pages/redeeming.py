"""Serve the page on which a code is redeemed. Complete without JavaScript, which only fills in a scanned code."""

from __future__ import annotations

import math
import uuid
from datetime import datetime
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts.limits.rates import RateLimited
from accounts.limits.requests import address_of
from accounts.models import User
from accounts.sign_in.resuming import posted_from
from accounts.teams.errors import AccountSwitched
from accounts.teams.models import Team
from accounts.teams.shown_account import for_the_shown_account
from accounts.teams.switching import acting_team
from core.errors import DomainError
from credits.formatting import credits_amount
from credits.pages.forms import RedeemForm
from credits.pages.views import BAD_REQUEST, page
from credits.redemption.escrow import Redeemed
from credits.redemption.redeeming import redeem

MINUTE_S = 60


def _ask_again(request: HttpRequest, error: AccountSwitched) -> HttpResponse:
    form = RedeemForm(initial={"code": request.POST.get("code", "")})
    return _show(request, form, switched=error)


@page
@posted_from(gettext_lazy("You were signed out. Please enter the code and press Redeem again."))
@require_http_methods(["GET", "HEAD", "POST"])
@for_the_shown_account(_ask_again)
def redeem_page(request: HttpRequest, team: Team | None) -> HttpResponse:
    """Show the form, and redeem the code that it sends for the account that the user acts for."""
    if request.method != "POST":
        return _show(request, RedeemForm())
    form = RedeemForm(request.POST)
    refused: DomainError | None = None
    if form.is_valid():
        try:
            redeemed = redeem(
                cast(User, request.user),
                form.cleaned_data["code"],
                address=address_of(request),
                team_id=team.pk if team else None,
                key=f"page:{request.POST.get('key', '')[:64]}",
            )
        except DomainError as error:
            refused = error
            form.refuse(_in_minutes(error) if isinstance(error, RateLimited) else error)
        else:
            messages.success(request, _told(redeemed, team))
            return redirect("credits-statement")
    return _show(request, form, refused=refused)


def _show(
    request: HttpRequest,
    form: RedeemForm,
    *,
    switched: AccountSwitched | None = None,
    refused: DomainError | None = None,
) -> HttpResponse:
    # The key belongs to this display of the form: pressing twice redeems once, and says so twice.
    context = {"form": form, "team": acting_team(request), "switched": switched, "key": uuid.uuid4()}
    error = switched or refused
    status = error.status if error else BAD_REQUEST if form.errors else None
    response = render(request, "credits/redeem.html", context, status=status)
    for name, value in (error.headers if error else {}).items():
        response[name] = value
    return response


def _in_minutes(limited: RateLimited) -> DomainError:
    minutes = math.ceil(limited.params["retry_after"] / MINUTE_S)
    text = ngettext(
        "Too many invalid codes. Please try again in %(minutes)s minute.",
        "Too many invalid codes. Please try again in %(minutes)s minutes.",
        minutes,
    )
    return DomainError(text % {"minutes": minutes}, field="code")


def _told(redeemed: Redeemed, team: Team | None) -> str:
    told = {"amount": credits_amount(redeemed.amount), "team": team.name if team else ""}
    added = _("%(amount)s credits added for %(team)s.") if team else _("%(amount)s credits added.")
    return f"{added % told} {_until(redeemed.expires_at)}"


def _until(expires_at: datetime | None) -> str:
    if expires_at is None:
        return _("They don’t expire.")
    day = date_format(timezone.localtime(expires_at), "MINUTE_FORMAT")
    return _("They’re valid until %(day)s.") % {"day": day}
