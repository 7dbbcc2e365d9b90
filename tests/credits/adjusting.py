"""Adjustments to test with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.adjustments.adjusting import Terms
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account
from tests.support.builders import UserFactory

LIMIT = Decimal(1000)


def make_staff(**fields: Any) -> User:
    user: User = UserFactory.create(is_staff=True, **fields)
    return user


def terms(amount: str | int, **fields: Any) -> Terms:
    return Terms(**{"amount": Decimal(amount), "reason": "A late job", "key": f"dialog:{uuid4()}", **fields})


def ask(account: Account, amount: str | int, asked_by: User | None = None, **fields: Any) -> Adjustment:
    return adjustments.ask(account.pk, terms(amount, **fields), asked_by or make_staff()).adjustment


def ask_above_limit(account: Account, amount: str | int = 5000, **fields: Any) -> Adjustment:
    """One that waits."""
    adjustment = ask(account, amount, **fields)
    assert adjustment.status == Adjustment.Status.WAITING
    return adjustment
