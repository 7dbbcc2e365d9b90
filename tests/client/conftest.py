"""The Python client against the site over real HTTP, with a network that fails on order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prepaid_credits import CreditsClient

from accounts.clients.api_keys import create_key
from accounts.limits.counters import forget_counts
from credits.ledger.models import Account
from tests.client.relay import IMPATIENT, Relay, relay_to
from tests.credits.builders import funded
from tests.support.api_clients import make_client
from tests.support.openid import provider, sandbox

__all__ = ["provider", "sandbox"]


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    forget_counts()


@pytest.fixture
def secret(transactional_db: None) -> str:
    return create_key(make_client(), name="production").secret


@pytest.fixture
def account(transactional_db: None) -> Account:
    return funded(100)


@pytest.fixture
def relay(live_server: Any) -> Iterator[Relay]:
    with relay_to(live_server.url) as relay:
        yield relay


@pytest.fixture
def client(relay: Relay, secret: str) -> Iterator[CreditsClient]:
    with CreditsClient(relay.url, api_key=secret, retrying=IMPATIENT) as client:
        yield client
