"""Provide the account switcher in every page's header."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.teams.models import Team
from accounts.teams.selectors import memberships_of
from accounts.teams.switching import SESSION_KEY


@dataclass(frozen=True)
class Switcher:
    """The teams that a user can switch to; ``acting`` is the current one, None for the personal account."""

    teams: list[Team]
    acting: Team | None


def switcher(request: HttpRequest) -> dict[str, object]:
    """Return ``team_switcher``, evaluated only by pages that show it; the admin and emails don't."""
    return {"team_switcher": SimpleLazyObject(lambda: _switcher(request))}


def _switcher(request: HttpRequest) -> Switcher:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Switcher([], None)
    teams = [membership.team for membership in memberships_of(user)]
    chosen = request.session.get(SESSION_KEY)
    return Switcher(teams, next((team for team in teams if str(team.pk) == chosen), None))
