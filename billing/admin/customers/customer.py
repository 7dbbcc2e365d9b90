"""Find a customer by id: a user, a team, or an account whose holder is gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from accounts.models import User
from accounts.teams.models import Team
from credits.ledger.models import Account

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Customer:
    """A user or a team, with their account; None before the first credits. The holder of an account may be gone."""

    account: Account | None
    user: User | None = None
    team: Team | None = None

    @property
    def key(self) -> UUID:
        """Return the id in the page's URL."""
        holder = self.user or self.team or self.account
        assert holder is not None  # noqa: S101 - see `find_customers`
        return holder.pk

    @property
    def keys(self) -> list[UUID]:
        """Return all ids that name the customer."""
        return [row.pk for row in (self.user, self.team, self.account) if row is not None]

    def rows(self, model: type[Row], account: str = "account") -> QuerySet[Row]:
        """Return the rows whose ``account``, a column or a path, is the customer's; none before there is one."""
        rows = model._default_manager.all()
        return rows.filter(**{account: self.account}) if self.account else rows.none()

    def __str__(self) -> str:
        return str(self.user or self.team or self.account)


def customer_with(key: UUID) -> Customer | None:
    """Return the customer with this id of a user, a team or an account."""
    return next(iter(customers_with([key])), None)


def customers_with(keys: Iterable[UUID]) -> list[Customer]:
    """Return the customers that these ids name, each once, in their order. Three queries at most."""
    wanted = list(dict.fromkeys(keys))
    accounts = Account.objects.filter(Q(pk__in=wanted) | Q(owner__in=wanted) | Q(team__in=wanted))
    found: dict[UUID, Customer] = {}
    for account in accounts.select_related("owner", "team"):
        customer = Customer(account, account.owner, account.team)
        found |= dict.fromkeys(customer.keys, customer)
    found |= {
        user.pk: Customer(None, user=user) for user in User.objects.filter(pk__in=_missing(wanted, found))
    }
    found |= {
        team.pk: Customer(None, team=team) for team in Team.objects.filter(pk__in=_missing(wanted, found))
    }
    return list({found[key].key: found[key] for key in wanted if key in found}.values())


def _missing(wanted: list[UUID], found: dict[UUID, Customer]) -> list[UUID]:
    return [key for key in wanted if key not in found]
