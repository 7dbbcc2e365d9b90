"""The ledger's part of erasing a person: what has to be settled, what is left, which words go.

Accounts, lots, entries, holds and adjustments stay as they are, so the books stay whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.erasure import Obstacle
from accounts.models import User
from accounts.teams.models import Team
from credits.formatting import credits_amount
from credits.models import Account, Adjustment, BalanceAlert, Gift, Hold, Lot

ZERO = Decimal(0)


@dataclass(frozen=True)
class Left:
    """Credits that could still be spent; ``paid`` somebody paid for, or staff gave as if."""

    paid: Decimal
    promotional: Decimal


def accounts_of(user: User, teams: QuerySet[Team]) -> QuerySet[Account]:
    """The user's own account, and those of teams that are theirs alone."""
    return Account.objects.filter(Q(owner=user) | Q(team__in=teams)).order_by("pk")


def lock_accounts(accounts: QuerySet[Account]) -> list[Account]:
    """The accounts in the ledger's order, locked until the transaction ends: nothing is booked meanwhile."""
    keys = list(accounts.values_list("pk", flat=True))
    return list(Account.objects.select_for_update().filter(pk__in=keys).order_by("pk"))


def obstacles_of(account: Account) -> list[Obstacle]:
    """What is under way in the account, or owed."""
    found = []
    if Hold.objects.filter(account=account, status=Hold.Status.OPEN).exists():
        told = _("Credits are set aside for work in progress: wait until the holds end, or release them.")
        found.append(Obstacle("holds_open", told))
    if Adjustment.objects.filter(account=account, status=Adjustment.Status.WAITING).exists():
        told = _("An adjustment waits for a second person: approve or decline it.")
        found.append(Obstacle("adjustments_waiting", told))
    if account.debt > 0 or account.balance < 0:
        told = _("%(debt)s credits are owed: settle it, or let it go by giving as many in an adjustment.")
        found.append(Obstacle("credits_owed", told % {"debt": credits_amount(account.debt)}))
    return found


def credits_left(account: Account) -> Left:
    """What lots have left that have not expired. Of an account without holds."""
    lots = Lot.objects.filter(account=account, exhausted=False)
    lots = lots.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()))
    left = lots.aggregate(
        paid=Sum("remaining", filter=Q(promotional=False)),
        promotional=Sum("remaining", filter=Q(promotional=True)),
    )
    return Left(left["paid"] or ZERO, left["promotional"] or ZERO)


def forget_words(user: User, accounts: list[Account]) -> None:
    """What was said with gifts to and from the user, and the low-balance notices they asked for."""
    Gift.objects.filter(Q(sender=user) | Q(recipient=user)).exclude(message="").update(message="")
    BalanceAlert.objects.filter(account__in=accounts).delete()
