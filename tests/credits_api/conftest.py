"""A service that may do everything, and an account with 100 credits."""

from __future__ import annotations

import pytest

from accounts.clients.api_keys import create_key
from accounts.limits.counters import forget_counts
from credits.ledger.models import Account
from tests.credits.builders import grant, open_account
from tests.credits_api.calling import Service
from tests.support.api_clients import make_client
from tests.support.openid import provider, sandbox

__all__ = ["provider", "sandbox"]


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    forget_counts()


@pytest.fixture
def account(db: None) -> Account:
    opened = open_account()
    grant(opened, 100)
    return opened


@pytest.fixture
def service(db: None) -> Service:
    return Service(create_key(make_client(), name="production").secret)
