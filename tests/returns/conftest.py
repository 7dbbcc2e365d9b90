"""A shop where one purchase was paid: 5,000 credits for $45.00."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from credits.proof.checking import find_violations
from tests.returns.selling import open_and_sell
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.snapshots import once


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Purchase | None]:
    """With the purchase, where a test asks for it. At the end the books are whole."""
    names = request.fixturenames
    if "_balance_in_euro" in names and "purchase" in names:
        request.getfixturevalue("_balance_in_euro")  # a payment keeps the rate of its time
        yield open_and_sell(sandbox)
    elif "purchase" in names:
        yield once("a paid purchase", sandbox, lambda: open_and_sell(sandbox))
    else:
        put_on_sale()
        sandbox.hold_webhooks()
        yield None
    assert list(find_violations()) == []


@pytest.fixture
def purchase(_shop: Purchase) -> Purchase:
    return _shop


@pytest.fixture
def buyer(request: pytest.FixtureRequest) -> User:
    """Whose the purchase is, where a test has one."""
    if "purchase" in request.fixturenames:
        return User.objects.get(purchases=request.getfixturevalue("purchase"))
    user: User = UserFactory.create()
    return user
