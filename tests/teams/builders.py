"""Teams to test with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import User
from accounts.teams.allowances import count_spending
from accounts.teams.caps import Cap
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Period, Role, Team
from tests.support.builders import UserFactory


@dataclass(frozen=True)
class People:
    """A team of three: its owner, an admin, a member. And somebody who is not in it."""

    team: Team
    owner: User
    admin: User
    member: User
    stranger: User


def make_people(name: str = "Crew") -> People:
    owner, admin, member, stranger = (UserFactory.create() for _ in range(4))
    team = create_team(owner, name)
    join(team, admin, Role.ADMIN)
    join(team, member)
    return People(team, owner, admin, member, stranger)


def join(team: Team, user: User, role: Role = Role.MEMBER, cap: Cap | None = None) -> Membership:
    amount, period = (cap.amount, cap.period) if cap else (None, "")
    return Membership.objects.create(team=team, user=user, role=role, cap=amount, cap_period=period)


def roles_of(team: Team) -> dict[User, str]:
    return {row.user: row.role for row in Membership.objects.filter(team=team).select_related("user")}


def monthly(amount: str | int) -> Cap:
    return Cap(Decimal(amount), Period.MONTH)


def spend(team: Team, user: User, amount: str | int, now: datetime | None = None) -> Decimal:
    """Counts a spend; gives what was spent in the period with it."""
    return count_spending(team.pk, user.pk, Decimal(amount), now=now).spent


def at(zone: str, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone))
