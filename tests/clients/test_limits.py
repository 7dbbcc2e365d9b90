"""Limits by the minute: as many as allowed, then a refusal that says when; each name for itself."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.limits import counters
from accounts.limits.counters import forget_counts
from accounts.limits.rates import RateLimited, check_account_rate, check_client_rate, check_rate
from tests.support.racing import at_once

MINUTE = 29_000_000 * 60.0


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    forget_counts()
    yield
    forget_counts()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Twelve seconds into a minute. The cache keeps its own time."""
    clock = Clock(MINUTE + 12)
    monkeypatch.setattr("accounts.limits.rates.time.time", clock)
    return clock


def refusals(name: str, per_minute: int, times: int) -> int:
    refused = 0
    for _time in range(times):
        try:
            check_rate(name, per_minute)
        except RateLimited:
            refused += 1
    return refused


def test_as_many_as_allowed_pass_and_no_more(clock: Clock) -> None:
    assert refusals("client:a", 5, 5) == 0
    assert refusals("client:a", 5, 3) == 3


def test_the_refusal_says_when_to_come_again(clock: Clock) -> None:
    check_rate("client:a", 1)

    with pytest.raises(RateLimited) as refusal:
        check_rate("client:a", 1)
    assert (refusal.value.code, refusal.value.status) == ("rate_limited", 429)
    assert refusal.value.params["retry_after"] == 48
    assert refusal.value.headers == {"Retry-After": "48"}


def test_after_that_time_the_next_one_passes(clock: Clock) -> None:
    assert refusals("client:a", 1, 2) == 1
    clock.now = MINUTE + 58.6
    with pytest.raises(RateLimited) as refusal:
        check_rate("client:a", 1)
    assert refusal.value.params["retry_after"] == 2

    clock.now += refusal.value.params["retry_after"]
    check_rate("client:a", 1)


def test_each_name_is_counted_for_itself(clock: Clock) -> None:
    assert refusals("client:a", 1, 2) == 1
    assert refusals("client:b", 1, 1) == 0
    assert refusals("user:a", 1, 1) == 0


def test_threads_that_count_at_once_lose_no_request(clock: Clock) -> None:
    refused = at_once(*[lambda: refusals("client:a", 50, 10)] * 10)

    assert sum(refused) == 50


def test_a_client_is_held_to_its_own_limit_and_a_user_to_the_settings(
    clock: Clock, settings: Settings
) -> None:
    settings.CREDITS_USER_RATE = 2
    client_id, account_id = uuid4(), uuid4()
    check_client_rate(client_id, 1)
    check_account_rate(account_id)
    check_account_rate(account_id)

    with pytest.raises(RateLimited):
        check_client_rate(client_id, 1)
    with pytest.raises(RateLimited):
        check_account_rate(account_id)


def test_no_counter_is_pushed_out_by_the_number_of_others(clock: Clock) -> None:
    check_rate("client:a", 1)
    for number in range(2000):
        check_rate(f"user:{number}", 1)

    assert refusals("client:a", 1, 1) == 1


def test_names_of_past_windows_are_forgotten_before_they_fill_the_memory(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "MANY", 100)
    forget_counts()
    for _minute in range(10):
        for number in range(50):
            check_rate(f"user:{number}:{clock.now}", 1)
        clock.now += 60

    assert len(counters.counters()._counts) <= 200
