"""Whose credits somebody looks at, and how these stand now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Now

from accounts.models import User
from accounts.teams.models import Membership, Role, Team
from credits.models import Account, Lot

ZERO = Decimal(0)
MANAGERS = [Role.OWNER, Role.ADMIN]


@dataclass(frozen=True)
class Standing:
    """An account's numbers. ``overdue`` are credits past their expiry that the expiry job has yet to book out."""

    account_id: UUID
    version: int
    balance: Decimal
    held: Decimal
    debt: Decimal
    overdue: Decimal

    @property
    def available(self) -> Decimal:
        """What can be spent now. A debt is owed out of all lots, so what is overdue pays it first."""
        return max(ZERO, self.balance - self.held - max(ZERO, self.overdue - self.debt))


def account_of(user: User, team: Team | None) -> QuerySet[Account]:
    """The team's account, or without a team the user's own; empty while there is none."""
    return Account.objects.filter(team=team) if team else Account.objects.filter(owner=user)


def standing_of(user: User, team: Team | None) -> Standing | None:
    """One query. None: nothing was ever credited."""
    overdue = (
        Lot.objects.filter(account=OuterRef("pk"), exhausted=False, expires_at__lte=Now())
        .order_by()
        .values("account")
        .values(total=Sum(F("remaining") - F("held")))
    )
    row = (
        account_of(user, team)
        .values_list("pk", "version", "balance", "held", "debt", Coalesce(Subquery(overdue), ZERO))
        .first()
    )
    return Standing(*row) if row else None


def people_of(account: Account) -> list[User]:
    """Who is told about the account: its owner, or the team's owner and admins. Those with an e-mail address."""
    if account.owner_id:
        people = User.objects.filter(pk=account.owner_id)
    else:
        managing = Membership.objects.filter(team=account.team_id, role__in=MANAGERS)
        people = User.objects.filter(pk__in=managing.values("user"))
    return list(people.filter(is_active=True).exclude(email="").order_by("date_joined", "pk"))
