"""A shop whose starter pack comes with a bonus, and a buyer."""

from __future__ import annotations

import pytest

from accounts.models import User
from billing.packages.models import Package
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    """With the starter pack, 1,000 credits for $10.00, come 200 bonus credits for 30 days."""
    put_on_sale()
    Package.objects.filter(code="starter").update(bonus_credits=200, bonus_validity_days=30)
    user: User = UserFactory(email="ada@example.com")
    return user
