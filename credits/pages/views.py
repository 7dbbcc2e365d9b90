"""Serve the statement and the gift pages. Complete without JavaScript."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.limits.rates import check_rate
from accounts.models import User
from accounts.sign_in.resuming import is_own_address, posted_from
from accounts.teams.errors import AccountSwitched
from accounts.teams.models import Team
from accounts.teams.shown_account import (
    FIELD,
    HEADER,
    account_key,
    ask_again,
    for_the_shown_account,
    require_shown_account,
)
from accounts.teams.switching import acting_team
from accounts.time_zones import zone_of, zone_options
from core.database.replica.reading import keep_reading, reads_from_replica
from core.errors import DomainError
from credits.formatting import credits_amount, plain
from credits.gifts import giving as gifts
from credits.ledger.models import Entry
from credits.ledger.selectors import Standing, standing_of
from credits.notices import low_balance
from credits.pages.forms import GiftForm, ThresholdForm
from credits.statement.csv_file import csv_of
from credits.statement.overview import months_of, overview
from credits.statement.periods import Month, parse_month
from credits.statement.reading import Selection, moments, page_of

BAD_REQUEST = 400
# Keeps users from probing which addresses have an account.
GIFT_TRIES_PER_MINUTE = 10

View = Callable[[HttpRequest], HttpResponseBase]


def page(view: View) -> View:
    return never_cache(login_required(view))


def gift_page_only_where_offered(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if not gifts.are_offered():
            raise Http404
        return view(request)

    return guarded


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _zone(request: HttpRequest) -> ZoneInfo:
    return zone_of(_user(request))


# --- Statement ------------------------------------------------------------------------------------------------------


@page
@require_safe
@reads_from_replica
def statement_page(request: HttpRequest) -> HttpResponse:
    """Show every entry of the account that the user acts for, and the lots that remain."""
    if HEADER in request.headers and request.headers[HEADER] != account_key(acting_team(request)):
        # htmx would put part of the response into a page of another account: have the browser load all of it.
        return HttpResponse(headers={"HX-Redirect": request.get_full_path()})
    return _show_statement(request)


@page
@require_safe
@reads_from_replica
def statement_csv(request: HttpRequest) -> HttpResponseBase:
    """Download the selected entries, of the account that the page with the link was shown for."""
    team = acting_team(request)
    try:
        require_shown_account(request, request.GET.get(FIELD, account_key(team)), team)
    except AccountSwitched as error:
        return ask_again("credits-statement")(request, error)
    standing = standing_of(_user(request), team)
    if standing is None:
        raise Http404
    month = parse_month(request.GET.get("month", ""))
    content = keep_reading(csv_of(_selection(request, standing, month), _zone(request)))
    name = f"statement-{month}.csv" if month else "statement.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


def _show_statement(request: HttpRequest, threshold_form: ThresholdForm | None = None) -> HttpResponse:
    user, team = _user(request), acting_team(request)
    standing = standing_of(user, team)
    context: dict[str, Any] = {
        "standing": standing,
        "team": team,
        "shown_for": account_key(team),
        "gifts_are_offered": gifts.are_offered(),
        "may_set_threshold": low_balance.may_set_threshold(user, team),
        "threshold_form": threshold_form or _threshold_form(standing),
        "zone_options": zone_options(),
    }
    if standing is not None and standing.version > 0:
        context |= _entries_of(request, standing)
    return render(request, "credits/statement.html", context, status=BAD_REQUEST if threshold_form else None)


def _entries_of(request: HttpRequest, standing: Standing) -> dict[str, Any]:
    now, zone = timezone.now(), _zone(request)
    months = months_of(standing, now, zone)
    month = parse_month(request.GET.get("month", ""))
    month = month if month in months else None
    selection = _selection(request, standing, month)
    before = _number(request.GET.get("before", ""))
    return {
        # Older pages show only their entries.
        "overview": overview(standing, months, month, now, zone) if before is None else None,
        "page": page_of(selection, before),
        "month": month,
        "months": months,
        "kind": selection.kind,
        "kinds": Entry.Kind.choices,
    }


def _selection(request: HttpRequest, standing: Standing, month: Month | None) -> Selection:
    kind = request.GET.get("kind", "")
    kind = kind if kind in Entry.Kind.values else ""
    if month is None:
        return Selection(standing.account_id, 0, standing.version, kind)
    zone = _zone(request)
    opening, closing = moments(standing, [month.starts(zone), month.ends(zone)])
    return Selection(standing.account_id, opening.version, closing.version, kind)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


# --- Low balance ----------------------------------------------------------------------------------------------------


@page
@posted_from(
    gettext_lazy("You were signed out. Please enter the balance and press Save again."),
    "credits-statement",
)
@require_POST
@for_the_shown_account(ask_again("credits-statement"))
def set_threshold(request: HttpRequest, team: Team | None) -> HttpResponse:
    """Set the balance below which the account's users are notified; empty turns this off."""
    form = ThresholdForm(request.POST)
    if not low_balance.may_set_threshold(_user(request), team):
        messages.error(request, _("Only the team’s owner and admins can do this."))
        return redirect("credits-statement")
    if form.is_valid():
        threshold = form.cleaned_data["threshold"]
        try:
            low_balance.set_threshold(_user(request), team, threshold)
        except DomainError as error:
            form.refuse(error)
    if form.errors:
        return _show_statement(request, form)
    told = _("Saved. We’ll send an email when the balance drops below %(threshold)s credits.")
    untold = _("Low-balance emails turned off.")
    messages.success(
        request, untold if threshold is None else told % {"threshold": credits_amount(threshold)}
    )
    return redirect("credits-statement")


@page
@posted_from(gettext_lazy("You were signed out. Please press Hide again."), "credits-statement")
@require_POST
@for_the_shown_account(ask_again("credits-statement"))
def hide_notice(request: HttpRequest, _team: Team | None) -> HttpResponse:
    """Hide the low-balance banner, and redirect back."""
    low_balance.hide_notice(request, request.POST.get("crossing", ""))
    back = request.POST.get("next", "")
    return redirect(back if is_own_address(request, back) else "credits-statement")


def _threshold_form(standing: Standing | None) -> ThresholdForm:
    threshold = low_balance.threshold_of(standing.account_id) if standing else None
    return ThresholdForm(initial={"threshold": "" if threshold is None else plain(threshold)})


# --- Gifts ----------------------------------------------------------------------------------------------------------


NO_GIFT_YET = gettext_lazy(
    "You were signed out, and nothing was sent. Please fill in the form and press Continue again."
)


def _ask_for_the_gift_again(request: HttpRequest, error: AccountSwitched) -> HttpResponse:
    """Show the form with what was typed: a gift comes from your personal credits, whichever account you act for."""
    return _show_gift_form(request, GiftForm(initial=request.POST.dict()), error)


@page
@gift_page_only_where_offered
@posted_from(NO_GIFT_YET)
@require_http_methods(["GET", "HEAD", "POST"])
@for_the_shown_account(_ask_for_the_gift_again)
def gift_page(request: HttpRequest, _team: Team | None) -> HttpResponse:
    """Show the form of a gift, and then what it would do, for confirmation."""
    if request.method != "POST":
        return _show_gift_form(request, GiftForm())
    form = GiftForm(request.POST)
    if "change" in request.POST:
        return _show_gift_form(request, GiftForm(initial=request.POST.dict()))
    if form.is_valid():
        try:
            check_rate(f"gift:{_user(request).pk}", GIFT_TRIES_PER_MINUTE)
            plan = gifts.plan_gift(_user(request), **form.cleaned_data)
        except DomainError as error:
            form.refuse(error)
        else:
            # The key belongs to this confirmation: submitting twice gives once.
            return render(request, "credits/gift_confirm.html", {"plan": plan, "key": uuid.uuid4()})
    return _show_gift_form(request, form)


@page
@gift_page_only_where_offered
@posted_from(NO_GIFT_YET, "credits-gift")
@require_POST
@for_the_shown_account(_ask_for_the_gift_again)
def give(request: HttpRequest, _team: Team | None) -> HttpResponse:
    """Send the confirmed gift, once per confirmation."""
    form, sender = GiftForm(request.POST), _user(request)
    if form.is_valid():
        data = form.cleaned_data
        try:
            recipient = gifts.find_recipient(sender, data["email"])
            key = f"page:{request.POST.get('key', '')[:64]}"
            gift = gifts.give(sender, recipient, data["amount"], data["message"], key)
        except DomainError as error:
            form.refuse(error)
        else:
            messages.success(
                request,
                _("You sent %(amount)s credits to %(recipient)s.")
                % {"amount": credits_amount(gift.amount), "recipient": recipient.email},
            )
            return redirect("credits-statement")
    return _show_gift_form(request, form)


def _show_gift_form(
    request: HttpRequest, form: GiftForm, switched: AccountSwitched | None = None
) -> HttpResponse:
    standing = standing_of(_user(request), None)
    context = {
        "switched": switched,
        "form": form,
        "available": standing.available if standing else gifts.ZERO,
        "allowance": gifts.allowance_of(standing.account_id if standing else None),
        "acting_team": acting_team(request),
    }
    status = switched.status if switched else BAD_REQUEST if form.errors else None
    return render(request, "credits/gift.html", context, status=status)
