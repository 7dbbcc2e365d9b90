"""What is in the books after a client's calls."""

from __future__ import annotations

from decimal import Decimal

from credits.ledger.models import Account, Entry


def charged(account: Account) -> list[Decimal | int]:
    """The amounts of its spends, oldest first."""
    entries = Entry.objects.filter(account=account, kind=Entry.Kind.SPEND).order_by("version")
    return [-entry.amount for entry in entries]


def balance(account: Account) -> Decimal | int:
    account.refresh_from_db()
    found: Decimal = account.balance
    return found
