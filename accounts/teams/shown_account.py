"""A form acts for the account that it was shown for, or for none.

Whom somebody acts for stands in their session, which all their tabs share. A page that was opened for one account, and
is used after a switch in another tab, would act for the other: buy for it, say, or set its notices. So each form that
acts for an account names the one it was shown for. Where that is not the one acted for now, nothing happens, and a page
asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.errors import AccountSwitched
from accounts.teams.models import Team
from accounts.teams.switching import acting_team

FIELD, HEADER = "shown_for", "X-Shown-For"
PERSONAL = "personal"

View = Callable[[HttpRequest], HttpResponseBase]
TeamView = Callable[[HttpRequest, Team | None], HttpResponseBase]
Ask = Callable[[HttpRequest, AccountSwitched], HttpResponse]


def account_key(team: Team | None) -> str:
    """Give what a form names the team's account by; None: one's own."""
    return str(team.pk) if team else PERSONAL


def require_shown_account(request: HttpRequest, shown_for: str, team: Team | None) -> None:
    """Check that a page was shown for the account of ``team``, which is acted for now.

    Raises:
        AccountSwitched: it was shown for another one, or doesn't say for which.
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
    """Call a view with the team acted for; where its form was shown for another account, call ``ask`` instead."""

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
    """Make the page that says what happened and asks for which account to go on; both ways lead to the named page."""

    def ask(request: HttpRequest, error: AccountSwitched) -> HttpResponse:
        context = {**error.params, "next": reverse(page)}
        return render(request, "teams/account_switched.html", context, status=error.status)

    return ask


def _shown_account(request: HttpRequest, shown_for: str) -> tuple[str, str | None]:
    """Name the account in words, and give what the switch calls it: None where the person can't act for it."""
    if shown_for == PERSONAL:
        return _name_of(None), ""
    team = _own_team(request.user, shown_for)
    if team is not None:
        return team.name, str(team.pk)
    return (_("a team you’re not in") if shown_for else _("another account")), None


def _own_team(user: object, team_id: str) -> Team | None:
    try:
        return (
            Team.objects.filter(pk=UUID(team_id), memberships__user=user).first()
            if isinstance(user, User)
            else None
        )
    except ValueError:
        return None


def _name_of(team: Team | None) -> str:
    return team.name if team else _("your personal account")
