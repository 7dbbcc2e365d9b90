"""One locked row stops nobody but those who need it, and those for seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import requests

from accounts.clients.api_keys import create_key
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from tests.credits.builders import grant, open_account
from tests.ops.database_outages import locked
from tests.support.api_clients import make_client
from tests.support.served import running_site

pytestmark = pytest.mark.django_db(transaction=True)
LOCKED_S = 20


class Caller:
    """A service that asks a site, many times at once."""

    def __init__(self, url: str) -> None:
        self.api = f"{url}/api/v1/credits/"
        self.header = {"Authorization": f"Bearer {create_key(make_client(), name='production').secret}"}
        self.threads = ThreadPoolExecutor(60)

    def post(self, path: str, key: str, **body: Any) -> requests.Response:
        headers = {**self.header, "Idempotency-Key": key}
        return requests.post(self.api + path, json=body, headers=headers, timeout=60)

    def spend(self, account: Account, key: str) -> requests.Response:
        return self.post("spends", key, account=str(account.pk), amount="1")

    def begin(self, account: Account, keys: list[str]) -> list[Future[requests.Response]]:
        return [self.threads.submit(self.spend, account, key) for key in keys]


def an_account() -> Account:
    account = open_account()
    grant(account, 100)
    return account


def seconds_of(action: Any) -> float:
    begun = time.monotonic()
    assert action().status_code in (200, 201)
    return time.monotonic() - begun


def test_a_locked_account_holds_up_nobody_else_and_loses_nothing() -> None:
    stuck, other = an_account(), an_account()
    hold = ledger.hold(stuck.pk, Decimal(5), key="hold", expires_in=timedelta(hours=1))
    with running_site() as url:
        caller = Caller(url)
        with locked("credits_account", stuck.pk):
            begun = time.monotonic()
            asked = caller.begin(stuck, [f"first-{number}" for number in range(30)])
            time.sleep(0.5)
            first = caller.threads.submit(seconds_of, lambda: caller.spend(other, "meanwhile"))
            alive = seconds_of(lambda: requests.get(f"{url}/health/live", timeout=60))
            assert max(alive, first.result()) < 8
            # Now it is known to be stuck: never again does it get all threads.
            asked += caller.begin(stuck, [f"second-{number}" for number in range(30)])
            asked.append(
                caller.threads.submit(caller.post, f"holds/{hold.id}/capture", "captured", amount="1")
            )
            time.sleep(0.5)
            assert max(seconds_of(partial(caller.spend, other, f"later-{number}")) for number in range(3)) < 3
            answers = [one.result() for one in asked]
            assert time.monotonic() - begun < LOCKED_S

        assert {(one.status_code, one.json()["code"]) for one in answers} == {(503, "busy")}
        assert all(int(one.headers["Retry-After"]) > 0 for one in answers)
        assert {one.headers["Content-Type"] for one in answers} == {"application/problem+json"}
        at_once = [one for one in answers[30:60] if one.elapsed.total_seconds() < 2]
        assert len(at_once) >= 10  # half of the threads may wait, the others were refused
        stuck.refresh_from_db()
        assert (stuck.balance, stuck.held) == (100, 5)
        # The lock is gone: the same requests, sent again as Retry-After says, are done once each.
        keys = [f"first-{number}" for number in range(30)]
        until_done(lambda: caller.begin(stuck, keys))
        until_done(lambda: caller.begin(stuck, keys))
    stuck.refresh_from_db()
    assert stuck.balance == 100 - len(keys)


def until_done(ask: Callable[[], list[Future[requests.Response]]]) -> None:
    for _ in range(10):
        if {one.result().status_code for one in ask()} == {201}:
            return
        time.sleep(1)
    pytest.fail("still refused, seconds after the lock was gone")
