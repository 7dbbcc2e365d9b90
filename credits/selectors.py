"""Reads of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from credits.models import Account, Lot

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
