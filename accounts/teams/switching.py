"""For whom somebody acts: for themselves, or for one of their teams. Kept in the session, checked at each request."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from accounts.teams.membership import find_own
from accounts.teams.models import Team

SESSION_KEY = "acting_team"


def acting_team(request: HttpRequest) -> Team | None:
    """The team that the person acts for; None: for themselves. One query, and none for whoever never switched.

    Whoever has left the team, or was removed, acts for themselves again.
    """
    if SESSION_KEY not in request.session or not request.user.is_authenticated:
        return None
    team = Team.objects.filter(pk=request.session[SESSION_KEY], memberships__user=request.user).first()
    if team is None:
        del request.session[SESSION_KEY]
    return team


def switch_to(request: HttpRequest, team_id: UUID | None) -> Team | None:
    """Acts for a team from now on, or for oneself.

    Raises:
        UnknownTeam: there is none, or the person is not in it. Then nothing changes.
    """
    if team_id is None or not isinstance(request.user, User):
        request.session.pop(SESSION_KEY, None)
        return None
    team = find_own(team_id, request.user).team
    request.session[SESSION_KEY] = str(team.pk)
    return team
