"""A shop that taxes its sales, and a buyer: the starter pack is 1,000 credits for €10.00 or $10.00."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from billing.packages.models import Package
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox


@pytest.fixture
def ada(sandbox: Sandbox, settings: Any) -> User:
    settings.TAX = "stripe"
    settings.TAX_INCLUSIVE_CURRENCIES = ["eur"]
    put_on_sale()
    Package.objects.update(currency="eur")
    user: User = UserFactory(email="ada@example.com")
    return user
