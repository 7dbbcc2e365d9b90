"""A buyer, and a seller to print."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from tests.support.builders import UserFactory


@pytest.fixture(autouse=True)
def _seller(settings: Any) -> None:
    settings.SELLER_NAME = "Example Software GmbH"
    settings.SELLER_ADDRESS = "Musterstraße 12\n10115 Berlin"
    settings.SELLER_TAX_ID = "VAT DE123456789"
    settings.RECEIPT_NOTE = "Prices include 19 % VAT."


@pytest.fixture
def buyer(db: None) -> User:
    user: User = UserFactory.create(
        username="ada", email="ada@example.com", first_name="Ada", last_name="Lovelace"
    )
    return user
