"""Switch between the personal account and a team. Kept in the session, checked on each request."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest

from accounts.models import User
from accounts.teams.membership import find_own
from accounts.teams.models import Team

SESSION_KEY = "acting_team"


def acting_team(request: HttpRequest) -> Team | None:
    """Return the team that the user acts for; None: the personal account, also for a former member of that team.

    Takes one query, or none if the user never switched.
    """
    if SESSION_KEY not in request.session or not request.user.is_authenticated:
        return None
    team = Team.objects.filter(pk=request.session[SESSION_KEY], memberships__user=request.user).first()
    if team is None:
        del request.session[SESSION_KEY]
    return team


def switch_to(request: HttpRequest, team_id: UUID | None) -> Team | None:
    """Switch to a team, or to the personal account.

    Raises:
        UnknownTeam: there is no such team, or the user is not in it. Nothing changes then.
    """
    if team_id is None or not isinstance(request.user, User):
        request.session.pop(SESSION_KEY, None)
        return None
    team = find_own(team_id, request.user).team
    request.session[SESSION_KEY] = str(team.pk)
    return team
