"""Make each form act for the account that it was shown for, or for none.

The current account is in the session, which all tabs share. A page opened for one account and used after a switch in
another tab would act for the wrong one: buy for it, say, or set its notices. So each such form names its account; if
that is not the current one, nothing happens, and a page asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.errors import AccountSwitched
from accounts.teams.models import Team
from accounts.teams.switching import acting_team
from core.uuids import as_uuid

FIELD, HEADER = "shown_for", "X-Shown-For"
PERSONAL = "personal"

View = Callable[[HttpRequest], HttpResponseBase]
TeamView = Callable[[HttpRequest, Team | None], HttpResponseBase]
Ask = Callable[[HttpRequest, AccountSwitched], HttpResponse]


def account_key(team: Team | None) -> str:
    """Return a form's key for the team's account; None: the personal account."""
    return str(team.pk) if team else PERSONAL


def require_shown_account(request: HttpRequest, shown_for: str, team: Team | None) -> None:
    """Check that a page was shown for the account of ``team``, the current one.

    Raises:
        AccountSwitched: it was shown for another one, or doesn't name any.
    """
    if shown_for == account_key(team):
        return
    shown, switch_to = _shown_account(request, shown_for)
    acting = _name_of(team)
    message = _("This page was opened for %(shown)s. You’re now using %(acting)s.")
    raise AccountSwitched(
        message % {"shown": shown, "acting": acting}, shown=shown, acting=acting, switch_to=switch_to
    )


def for_the_shown_account(ask: Ask) -> Callable[[TeamView], View]:
    """Call a view with the current team; if its form was shown for another account, call ``ask`` instead."""

    def decorate(view: TeamView) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponseBase:
            team = acting_team(request)
            try:
                if request.method == "POST":
                    require_shown_account(request, request.POST.get(FIELD, ""), team)
            except AccountSwitched as error:
                return ask(request, error)
            return view(request, team)

        return guarded

    return decorate


def ask_again(page: str) -> Ask:
    """Return a view that asks which account to use; both answers lead to the named page."""

    def ask(request: HttpRequest, error: AccountSwitched) -> HttpResponse:
        context = {**error.params, "next": reverse(page)}
        return render(request, "teams/account_switched.html", context, status=error.status)

    return ask


def _shown_account(request: HttpRequest, shown_for: str) -> tuple[str, str | None]:
    """Return the account's name and its value in the switch: None if the user can't switch to it."""
    if shown_for == PERSONAL:
        return _name_of(None), ""
    if (team_id := as_uuid(shown_for)) and isinstance(request.user, User):
        team = Team.objects.filter(pk=team_id, memberships__user=request.user).first()
        if team is not None:
            return team.name, str(team.pk)
    return (_("a team you’re not in") if shown_for else _("another account")), None


def _name_of(team: Team | None) -> str:
    return team.name if team else _("your personal account")
