"""Read the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts.models import User
from accounts.teams.models import Team
from core.database.statements import call, select
from credits.errors import UnknownAccount
from credits.ledger import refusals
from credits.ledger.models import Account, Entry, Hold, Lot

ZERO = Decimal(0)

LOCATION = (
    "SELECT account_id, created_at FROM credits_hold WHERE id = %s AND coalesce(client = %s::uuid, true)"
)

# Overdue holds and expired lots are still there until their jobs have run, but no longer count.
BALANCE = """
    SELECT a.id, a.balance, a.held, a.version, a.debt,
           (SELECT coalesce(sum(l.remaining - l.held), 0) FROM credits_lot l
            WHERE l.account_id = a.id AND NOT l.exhausted AND l.expires_at <= statement_timestamp()),
           (SELECT coalesce(sum(greatest(0, o.pinned - coalesce((
                SELECT sum(c.amount - c.taken) FROM credits_clawback c
                WHERE c.account_id = a.id AND c.lot_id = o.lot AND c.taken < c.amount), 0))), 0)
            FROM (
                SELECT p.lot, sum(p.amount) AS pinned
                FROM credits_hold h CROSS JOIN LATERAL unnest(h.lots, h.pinned) AS p (lot, amount)
                WHERE h.account_id = a.id AND h.status = 'open' AND h.expires_at <= statement_timestamp()
                GROUP BY p.lot
            ) o
            JOIN credits_lot l ON l.account_id = a.id AND l.id = o.lot
            WHERE l.expires_at IS NULL OR l.expires_at > statement_timestamp())
    FROM credits_account a
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's figures. ``balance`` is all credits, ``held`` those on hold, ``debt`` what is owed; ``expired`` is
    yet to be booked out by the expiry job; ``overdue`` is in expired holds and not claimed by a clawback.
    """

    account_id: UUID | None
    balance: Decimal
    held: Decimal
    version: int = 0
    debt: Decimal = ZERO
    expired: Decimal = ZERO
    overdue: Decimal = ZERO

    @property
    def available(self) -> Decimal:
        """Return what can be spent now. Lots have balance plus debt left; overdue holds pay off debt first."""
        free = self.balance + self.debt - self.held - self.expired
        return max(ZERO, free + self.overdue - self.debt)

    @property
    def lifetime_purchased(self) -> Decimal:
        """Return all credits ever purchased, whatever happened to them since. Reads one index entry per purchase."""
        if self.account_id is None:
            return ZERO
        purchases = Entry.objects.filter(account_id=self.account_id, kind=Entry.Kind.PURCHASE)
        total: Decimal = purchases.aggregate(total=Coalesce(Sum("amount"), ZERO))["total"]
        return total


@dataclass(frozen=True, slots=True)
class Standing(Balance):
    """The balance of an existing account."""

    account_id: UUID


NOTHING = Balance(None, ZERO, ZERO)


def get_balance(owner: User, team: Team | None = None) -> Balance:
    """Return the balance of the owner's account, or of the team's; zero if there is no account yet."""
    return standing_of(owner, team) or NOTHING


def standing_of(owner: User, team: Team | None = None) -> Standing | None:
    """Return the balance of the owner's account, or of the team's, in one query by key; None if there is none yet."""
    if team is not None:
        found = select(f"{BALANCE} WHERE a.team_id = %s", [team.pk])
    else:
        found = select(f"{BALANCE} WHERE a.owner_id = %s", [owner.pk])
    return Standing(*found[0]) if found else None


def standing_of_account(account: Account) -> Standing:
    """Return the account's current balance."""
    return Standing(*select(f"{BALANCE} WHERE a.id = %s", [account.pk])[0])


def find_balance(account_or_holder: UUID) -> Balance:
    """Return the balance of the account, user or team with this id; zero for a user who has no account yet.

    Raises:
        UnknownAccount: nothing has this id.
    """
    found = select(f"{BALANCE} WHERE a.id = %s OR a.owner_id = %s OR a.team_id = %s", [account_or_holder] * 3)
    if found:
        return Standing(*found[0])
    if User.objects.filter(pk=account_or_holder).exists():
        return NOTHING
    raise UnknownAccount("There is no such account.", account=str(account_or_holder))


def bought_since(account_id: UUID, ago: timedelta) -> Decimal:
    """Return what is available of the credits bought within this time."""
    bought = Lot.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=Now()),
        account=account_id,
        exhausted=False,
        cost_minor__isnull=False,
        origin_lot__isnull=True,
        created_at__gt=timezone.now() - ago,
    )
    total: Decimal = bought.aggregate(total=Coalesce(Sum(F("remaining") - F("held")), ZERO))["total"]
    return total


def find_hold(hold_id: UUID, client: UUID | None = None) -> Hold:
    """Return the hold. ``client`` is the requesting API client: see `locate_hold`.

    Raises:
        UnknownHold: there is no such hold, or it is another client's.
    """
    hold = Hold.objects.filter(pk=hold_id).first()
    if hold is None or (client and hold.client and hold.client != client):
        raise refusals.unknown_hold(hold_id)
    return hold


def locate_hold(hold_id: UUID, client: UUID | None = None) -> tuple[UUID, datetime]:
    """The account of a hold, and when it was made: neither ever changes. An API call knows a hold by its id alone; this
    is the only look at one without its account. ``client`` is the API client that asks, for which only its own holds
    exist; without one, all do.

    Raises:
        UnknownHold: there is no such hold, or it is another client's.
    """
    found = call(LOCATION, [hold_id, client])
    if not found:
        raise refusals.unknown_hold(hold_id)
    account_id, created_at = found[0]
    return account_id, created_at
