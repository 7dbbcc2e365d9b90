"""Something to find in the back office."""

from __future__ import annotations

from typing import Any

import pytest

from credits.adjustments.models import Adjustment
from credits.ledger.models import Account
from tests.admin.rows import Books, make_adjustment, make_books
from tests.credits.adjusting import LIMIT
from tests.credits.builders import funded


@pytest.fixture
def books(db: None) -> Books:
    return make_books()


@pytest.fixture
def limit(settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = LIMIT


@pytest.fixture
def account(db: None) -> Account:
    return funded(100)


@pytest.fixture
def waiting(account: Account) -> Adjustment:
    return make_adjustment(account, "5000")
