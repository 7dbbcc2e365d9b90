"""Reads of the ledger."""

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
from core.database.statements import call
from credits.errors import UnknownAccount
from credits.ledger import refusals
from credits.ledger.models import Account, Entry, Hold, Lot

ZERO = Decimal(0)

LOCATION = (
    "SELECT account_id, created_at FROM credits_hold WHERE id = %s AND coalesce(client = %s::uuid, true)"
)

# What overdue holds and expired lots come to is there until their jobs have run, and counts no more.
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
    """How an account stands. ``balance`` is all credits, ``held`` those set aside for work, ``debt`` what is owed;
    ``expired`` are those past their expiry that the expiry job has yet to book out, ``overdue`` what holds keep whose
    time has passed and no clawback claims.
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
        """What can be spent now. What lots have left is the balance and what is owed; what has expired is nobody's, and
        what overdue holds give back pays off the debt first.
        """
        free = self.balance + self.debt - self.held - self.expired
        return max(ZERO, free + self.overdue - self.debt)

    @property
    def lifetime_purchased(self) -> Decimal:
        """All credits that purchases ever brought into the account: neither gifts nor what staff gave, and not less for
        what was spent, given away or refunded since. Reads one index entry for each purchase.
        """
        if self.account_id is None:
            return ZERO
        purchases = Entry.objects.filter(account_id=self.account_id, kind=Entry.Kind.PURCHASE)
        total: Decimal = purchases.aggregate(total=Coalesce(Sum("amount"), ZERO))["total"]
        return total


@dataclass(frozen=True, slots=True)
class Standing(Balance):
    """The balance of an account that is there."""

    account_id: UUID


NOTHING = Balance(None, ZERO, ZERO)


def get_balance(owner: User, team: Team | None = None) -> Balance:
    """The balance of the owner's account, or of the team's; zero where there is no account yet."""
    return standing_of(owner, team) or NOTHING


def standing_of(owner: User, team: Team | None = None) -> Standing | None:
    """How the owner's account stands, or the team's, in one query by key; None where there is no account yet."""
    if team is not None:
        found = call(f"{BALANCE} WHERE a.team_id = %s", [team.pk])
    else:
        found = call(f"{BALANCE} WHERE a.owner_id = %s", [owner.pk])
    return Standing(*found[0]) if found else None


def standing_of_account(account: Account) -> Standing:
    """How an account stands, read anew."""
    return Standing(*call(f"{BALANCE} WHERE a.id = %s", [account.pk])[0])


def find_balance(account_or_holder: UUID) -> Balance:
    """The balance of the account of this id, or of the user or team of this id: zero for a user who has none yet.

    Raises:
        UnknownAccount: it is nobody's.
    """
    found = call(f"{BALANCE} WHERE a.id = %s OR a.owner_id = %s OR a.team_id = %s", [account_or_holder] * 3)
    if found:
        return Standing(*found[0])
    if User.objects.filter(pk=account_or_holder).exists():
        return NOTHING
    raise UnknownAccount("There is no such account.", account=str(account_or_holder))


def bought_since(account_id: UUID, ago: timedelta) -> Decimal:
    """What is free of the credits that were bought within this time."""
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
    """The hold as it stands. ``client``: see `locate_hold`.

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
