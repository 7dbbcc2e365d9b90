"""Export and erase a user's personal data in the ledger.

Accounts, lots, entries, holds and adjustments stay as they are, so the books stay whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.privacy.registry import File, Obstacle, PersonalData
from accounts.teams.personal_data import teams_alone
from credits.adjustments.models import Adjustment
from credits.formatting import credits_amount
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Hold, Lot
from credits.notices.models import BalanceAlert
from credits.privacy import files

ZERO = Decimal(0)
FIGURE = "a figure counted from statement.csv, for staff's sums; recomputed at any time"


def _of_account(write: Callable[[Account], Iterator[str]]) -> Callable[[User], Iterator[str] | None]:
    """Write a file about the user's own account; None if there is none."""

    def lines(user: User) -> Iterator[str] | None:
        account = Account.objects.filter(owner=user).first()
        return write(account) if account else None

    return lines


class CreditsData(PersonalData):
    lock_rank = 3
    files = (
        File(
            "statement.csv",
            "every entry of your own credits",
            ("credits.Account", "credits.Entry"),
            _of_account(files.statement),
        ),
        File(
            "lots.csv",
            "credits that came in together, and what is left of them",
            ("credits.Lot",),
            _of_account(files.lots),
        ),
        File(
            "holds.csv", "credits that were set aside for work", ("credits.Hold",), _of_account(files.holds)
        ),
        File(
            "adjustments.csv",
            "credits that staff gave or took, and why",
            ("credits.Adjustment",),
            _of_account(files.adjustments),
        ),
        File("gifts.csv", "credits that you gave or were given", ("credits.Gift",), files.gifts),
        File(
            "notices.csv",
            "notices that you asked for, and when they were sent",
            ("credits.BalanceAlert", "credits.ExpiryWarning"),
            _of_account(files.notices),
        ),
    )
    left_out = {
        "credits.Clawback": "what came of the credits: refunds.csv and disputes.csv say how many were taken",
        "credits.AccountCount": "how far the account's entries are counted in staff's sums; recomputed at any time",
        "credits.FirstSpend": FIGURE,
        "credits.RunningDry": FIGURE,
        "credits.SpendingDay": FIGURE,
    }

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Account.objects.filter(owner=user), _gifts_of(user))

    def lock(self, user: User) -> None:
        """Lock the accounts in the ledger's order, so that nothing is booked meanwhile."""
        keys = list(accounts_of(user).values_list("pk", flat=True))
        list(Account.objects.select_for_update().filter(pk__in=keys).order_by("pk"))

    def obstacles(self, user: User, *, forfeit: bool) -> Iterator[Obstacle]:
        for account in accounts_of(user):
            yield from _obstacles_of(account)
        left = credits_left(user)
        if left.paid and not forfeit:
            told = _("%(left)s paid credits remain: refund them, have them gifted, or forfeit them.")
            yield Obstacle("credits_left", told % {"left": credits_amount(left.paid)})

    def count(self, user: User) -> Mapping[str, int]:
        return {"gift messages": _gifts_of(user).exclude(message="").count()}

    def erase(self, user: User) -> None:
        """Delete the messages of gifts to and from the user, and their low-balance settings."""
        _gifts_of(user).exclude(message="").update(message="")
        BalanceAlert.objects.filter(account__in=accounts_of(user)).delete()


def _gifts_of(user: User) -> QuerySet[Gift]:
    return Gift.objects.filter(Q(sender=user) | Q(recipient=user))


@dataclass(frozen=True)
class Left:
    """Credits that could still be spent; ``paid`` includes what staff granted as if paid."""

    paid: Decimal
    promotional: Decimal


def accounts_of(user: User) -> QuerySet[Account]:
    """Return the user's own account, and those of teams without other members."""
    return Account.objects.filter(Q(owner=user) | Q(team__in=teams_alone(user))).order_by("pk")


def close_accounts(user: User) -> Decimal:
    """Close the user's locked accounts; return how many credits were forfeited."""
    return sum((ledger.close(account.pk) for account in accounts_of(user)), ZERO)


def _obstacles_of(account: Account) -> list[Obstacle]:
    found = []
    if Hold.objects.filter(account=account, status=Hold.Status.OPEN).exists():
        told = _("Credits are on hold for work in progress: wait until the holds end, or release them.")
        found.append(Obstacle("holds_open", told))
    if Adjustment.objects.filter(account=account, status=Adjustment.Status.WAITING).exists():
        told = _("An adjustment is awaiting approval: approve or decline it.")
        found.append(Obstacle("adjustments_waiting", told))
    if account.debt > 0 or account.balance < 0:
        told = _(
            "The account has a debt of %(debt)s credits: have it paid off, or waive it with an adjustment."
        )
        found.append(Obstacle("credits_owed", told % {"debt": credits_amount(account.debt)}))
    return found


def credits_left(user: User) -> Left:
    """Return what the unexpired lots of the user's accounts have left, provided there are no holds."""
    lots = Lot.objects.filter(account__in=accounts_of(user), exhausted=False)
    lots = lots.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()))
    left = lots.aggregate(
        paid=Sum("remaining", filter=Q(promotional=False)),
        promotional=Sum("remaining", filter=Q(promotional=True)),
    )
    return Left(left["paid"] or ZERO, left["promotional"] or ZERO)
