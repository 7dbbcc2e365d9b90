"""Count what members spend against their caps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from accounts.teams.caps import cap_of, first_day, renewal
from accounts.teams.errors import CapReached, UnknownMember
from accounts.teams.models import MemberAllowance, Membership, Period

# The rows stay locked until the transaction ends, so simultaneous spends are added up one after the other.
COUNT = """
    INSERT INTO teams_memberallowance AS counted (team_id, user_id, period, starts_on, spent)
    SELECT %(team)s, %(user)s, period, starts_on, %(amount)s
    FROM unnest(%(periods)s::varchar[], %(days)s::date[]) AS current (period, starts_on)
    ON CONFLICT (team_id, user_id, period, starts_on) DO UPDATE SET spent = counted.spent + excluded.spent
    RETURNING period, spent
"""


@dataclass(frozen=True)
class Allowance:
    """A member's spending in the period of their cap, or this month if they have none."""

    spent: Decimal
    period: Period
    cap: Decimal | None
    renews_at: datetime

    @property
    def left(self) -> Decimal | None:
        return None if self.cap is None else max(self.cap - self.spent, Decimal(0))


def count_spending(
    team_id: UUID, user_id: UUID, amount: Decimal, *, now: datetime | None = None
) -> Allowance:
    """Add ``amount`` to what the member has spent, in the transaction of the spend. Earlier memberships are included.

    Raises:
        UnknownMember: the user is not in the team.
        CapReached: the cap would be exceeded; nothing is counted, and the spend must not commit.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        member = _hold_membership(team_id, user_id)
        spent = _count(member, amount, moment)
        allowance = _allowance(member, spent, moment)
        if allowance.cap is not None and allowance.spent > allowance.cap:
            raise _cap_reached(allowance, amount)
    return allowance


def allowances_of(members: Iterable[Membership], now: datetime | None = None) -> dict[int, Allowance]:
    """Return each member's allowance by the membership's id, in one query."""
    moment = now or timezone.now()
    members = list(members)
    is_current = Q()
    for period, day in _current_days(moment).items():
        is_current |= Q(period=period, starts_on=day)
    teams, people = {member.team_id for member in members}, {member.user_id for member in members}
    spent: defaultdict[tuple[UUID, UUID], dict[str, Decimal]] = defaultdict(dict)
    for row in MemberAllowance.objects.filter(is_current, team__in=teams, user__in=people):
        spent[row.team_id, row.user_id][row.period] = row.spent
    return {
        member.pk: _allowance(member, spent[member.team_id, member.user_id], moment) for member in members
    }


def _hold_membership(team_id: UUID, user_id: UUID) -> Membership:
    """Return the membership, locked until the transaction ends."""
    rows = Membership.objects.select_for_update(no_key=True)
    member = rows.filter(team=team_id, user=user_id).first()
    if member is None:
        raise UnknownMember(_("This user isn’t a member of the team."), team=str(team_id), user=str(user_id))
    return member


def _count(member: Membership, amount: Decimal, moment: datetime) -> dict[str, Decimal]:
    days = _current_days(moment)
    values: dict[str, Any] = {
        "team": member.team_id,
        "user": member.user_id,
        "amount": amount,
        "periods": list(days),
        "days": list(days.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)
        return dict(cursor.fetchall())


def _current_days(moment: datetime) -> dict[str, date]:
    return {period.value: first_day(period, moment) for period in Period}


def _allowance(member: Membership, spent: dict[str, Decimal], moment: datetime) -> Allowance:
    cap = cap_of(member.cap, member.cap_period)
    period = cap.period if cap else Period.MONTH
    return Allowance(
        spent=spent.get(period, Decimal(0)),
        period=period,
        cap=cap.amount if cap else None,
        renews_at=renewal(period, moment),
    )


def _cap_reached(counted: Allowance, amount: Decimal) -> CapReached:
    cap = counted.cap or Decimal(0)
    left = max(cap - (counted.spent - amount), Decimal(0))
    message = _(
        "This needs %(amount)s credits, but the member has %(left)s left of their limit of %(cap)s %(period)s."
        " It resets on %(renews_at)s."
    ) % {
        "amount": _plain(amount),
        "left": _plain(left),
        "cap": _plain(cap),
        "period": counted.period.label,
        "renews_at": date_format(timezone.localtime(counted.renews_at), "ZONED_MINUTE_FORMAT"),
    }
    return CapReached(
        message, cap=cap, left=left, period=counted.period.value, renews_at=counted.renews_at, amount=amount
    )


def _plain(amount: Decimal) -> str:
    return number_format(f"{amount.normalize():f}", use_l10n=True, force_grouping=True)
