"""A shop, and a buyer of several packages."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from billing.packages.models import Package
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    """The starter pack is 1,000 credits for $10.00 that last 30 days, the standard pack 5,000 for $45.00 and stays."""
    put_on_sale()
    Package.objects.filter(code="starter").update(validity_days=30)
    user: User = UserFactory(email="ada@example.com")
    return user


@pytest.fixture
def boss(admin_user: User) -> Client:
    return sign_in(admin_user)
