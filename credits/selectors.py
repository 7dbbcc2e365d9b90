"""Reads of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from credits.errors import UnknownAccount, UnknownHold
from credits.models import Account, Hold, Lot
from credits.statements import call

ZERO = Decimal(0)


@dataclass(frozen=True)
class Balance:
    """``balance`` is all credits, ``held`` those set aside for work, ``available`` what can be spent now."""

    account_id: UUID | None
    balance: Decimal
    held: Decimal

    @property
    def available(self) -> Decimal:
        return self.balance - self.held

    @property
    def lifetime_purchased(self) -> Decimal:
        """All credits that were ever bought into the account. Reads its paid lots: one for each purchase."""
        if self.account_id is None:
            return ZERO
        bought = Lot.objects.filter(account_id=self.account_id, promotional=False)
        total: Decimal = bought.aggregate(total=Coalesce(Sum("amount"), ZERO))["total"]
        return total


def get_balance(owner: User) -> Balance:
    """The owner's balance, in one query by key; zero for somebody who has no account yet."""
    found = Account.objects.filter(owner=owner).values_list("pk", "balance", "held").first()
    return Balance(*found) if found else Balance(None, ZERO, ZERO)


def find_balance(account_or_owner: UUID) -> Balance:
    """The balance of the account of this id, or of the user of this id: zero for a user who has no account yet.

    Raises:
        UnknownAccount: it is neither's.
    """
    found = call(
        "SELECT id, balance, held FROM credits_account WHERE id = %s OR owner_id = %s",
        [account_or_owner, account_or_owner],
    )
    if found:
        return Balance(*found[0])
    if User.objects.filter(pk=account_or_owner).exists():
        return Balance(None, ZERO, ZERO)
    raise UnknownAccount("There is no such account.", account=str(account_or_owner))


def find_hold(hold_id: UUID) -> Hold:
    """Raises `UnknownHold`."""
    hold = Hold.objects.filter(pk=hold_id).first()
    if hold is None:
        raise UnknownHold("There is no such hold.", hold=str(hold_id))
    return hold
