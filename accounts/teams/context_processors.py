"""The switcher in the header of every page."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.models import User
from accounts.teams.models import Team
from accounts.teams.selectors import memberships_of
from accounts.teams.switching import SESSION_KEY


@dataclass(frozen=True)
class Switcher:
    """For whom somebody may act, and for whom they do: ``acting`` is None for oneself."""

    teams: list[Team]
    acting: Team | None


def switcher(request: HttpRequest) -> dict[str, object]:
    """``team_switcher``, read when a page shows it: the admin and the mails don't."""
    return {"team_switcher": SimpleLazyObject(lambda: _switcher(request))}


def _switcher(request: HttpRequest) -> Switcher:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Switcher([], None)
    teams = [membership.team for membership in memberships_of(user)]
    chosen = request.session.get(SESSION_KEY)
    return Switcher(teams, next((team for team in teams if _is(team.pk, chosen)), None))


def _is(team_id: UUID, chosen: object) -> bool:
    return str(team_id) == chosen
