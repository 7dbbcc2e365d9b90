"""Whoever waits for an account that answers nobody takes half of the threads at most."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError

from core.outages import Busy
from credits.api import lines
from credits.api.lines import Lines, Turn

STUCK, OTHER, THIRD = uuid4(), uuid4(), uuid4()


@pytest.fixture(autouse=True)
def _eight_threads(settings: Any) -> None:
    settings.WEB_THREADS = 8


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lines, "monotonic", lambda: clock.now)
    return clock


def given_up() -> OperationalError:
    """As Django raises PostgreSQL's lock timeout."""
    error = OperationalError("canceling statement due to lock timeout")
    error.__cause__ = psycopg.errors.LockNotAvailable()
    return error


def test_a_busy_account_that_answers_is_never_refused(clock: Clock) -> None:
    line = Lines()
    for _ in range(8):
        line.join(STUCK)
    for _ in range(2000):  # seconds of work, all threads on one account, 5 ms each
        clock.now += 0.005
        line.leave(STUCK, answered=True)
        line.join(STUCK)


def test_an_account_that_answers_nobody_gets_half_of_the_threads(clock: Clock) -> None:
    line = Lines()
    for _ in range(6):
        line.join(STUCK)  # who comes within the first second can't know
    clock.now += 1.5
    with pytest.raises(Busy) as refusal:
        line.join(STUCK)
    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "2"})
    line.join(OTHER)
    for _ in range(6):
        line.leave(STUCK, answered=False)
    for _ in range(4):  # they gave up, and it is stuck all the same
        line.join(STUCK)
    with pytest.raises(Busy):
        line.join(STUCK)
    line.leave(STUCK, answered=True)
    line.join(STUCK)
    line.join(STUCK)


def test_two_stuck_accounts_together_get_no_more(clock: Clock) -> None:
    line = Lines()
    for _ in range(2):
        line.join(STUCK)
        line.join(OTHER)
    clock.now += 1.5
    for subject in (STUCK, OTHER):
        with pytest.raises(Busy):
            line.join(subject)
    line.join(THIRD)


def test_what_nobody_asked_for_since_is_forgotten(clock: Clock) -> None:
    line = Lines()
    line.join(STUCK)
    line.leave(STUCK, answered=False)
    was_stuck = line.any_stuck
    clock.now += 11
    assert (was_stuck, line.any_stuck) == (True, False)
    for _ in range(8):
        line.join(STUCK)


def test_a_capture_asks_for_its_account_only_while_one_is_stuck(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINES", line := Lines())
    asked = []

    def capture(outcome: Exception | None) -> None:
        with Turn() as turn:
            turn.wait_at_account_of(lambda: asked.append(1) or STUCK)  # type: ignore[func-returns-value]
            if outcome:
                raise outcome

    capture(None)
    assert not asked
    with pytest.raises(OperationalError):
        capture(given_up())
    assert line.any_stuck
    for _ in range(4):
        line.join(STUCK)
    clock.now += 0.5
    with pytest.raises(Busy):
        capture(None)
    assert len(asked) == 2
