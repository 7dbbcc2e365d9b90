"""Accounts with books to test with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from credits import ledger
from credits.models import Account, Entry
from tests.builders import UserFactory


def open_account(**user: Any) -> Account:
    return ledger.open_account(UserFactory.create(**user))


def grant(
    account: Account, amount: str | int = 100, *, key: str = "fact:1", **arguments: Any
) -> ledger.Grant:
    arguments.setdefault("kind", Entry.Kind.PURCHASE)
    return ledger.grant(account.pk, Decimal(amount), key=key, **arguments)
