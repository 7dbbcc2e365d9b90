"""Months and days are the reader's: where the clocks change, they are an hour longer or shorter."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from credits.statement.periods import (
    Month,
    day_starts,
    days_until,
    midnight,
    month_of,
    months_between,
    parse_month,
)
from tests.credits_pages.builders import BERLIN, UTC, at


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-11", Month(2026, 11)), ("1970-01", Month(1970, 1))]
    + [
        (text, None)
        for text in ("", "2026", "2026-13", "2026-00", "0000-01", "9999-12", "2026-1", "x", "２０２６-11")
    ],
)
def test_what_is_a_month(text: str, month: Month | None) -> None:
    assert parse_month(text) == month


def test_months_are_counted_across_years() -> None:
    assert str(Month(2026, 12).plus(1)) == "2027-01"
    assert str(Month(2026, 1).plus(-13)) == "2024-12"
    listed = months_between(Month(2025, 11), Month(2026, 2))
    assert [str(month) for month in listed] == ["2026-02", "2026-01", "2025-12", "2025-11"]
    assert months_between(Month(2026, 2), Month(2026, 1)) == []


def test_a_moment_belongs_to_the_month_of_the_readers_clock() -> None:
    moment = at("2026-10-31 23:30")
    assert month_of(moment, UTC) == Month(2026, 10)
    assert month_of(moment, BERLIN) == Month(2026, 11)


@pytest.mark.parametrize(("month", "hours"), [(Month(2026, 3), 743), (Month(2026, 10), 745)])
def test_a_month_in_which_the_clocks_change_has_an_hour_less_or_more(month: Month, hours: int) -> None:
    length = month.ends(BERLIN).astimezone(UTC) - month.starts(BERLIN).astimezone(UTC)
    assert length == timedelta(hours=hours)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_the_clocks_change_is_one_day(day: str, hours: int) -> None:
    first, until = at(f"{day} 00:00", BERLIN), at(f"{day} 23:59", BERLIN) + timedelta(minutes=1)
    starts = [start.astimezone(UTC) for start in day_starts(first, until, BERLIN)]
    assert len(starts) == 2
    assert starts[1] - starts[0] == timedelta(hours=hours)


def test_where_the_clocks_skip_midnight_the_day_begins_as_they_go_on() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    before, after = at("2026-03-28 12:00", beirut), at("2026-03-29 12:00", beirut)
    start = midnight(after.date(), beirut)
    assert before < start < after
    assert start.astimezone(UTC) == at("2026-03-28 22:00")


@pytest.mark.parametrize(
    ("expires", "days"),
    [("2026-03-28 22:59", 0), ("2026-03-28 23:00", 1), ("2026-03-29 21:59", 1), ("2026-03-29 22:00", 2)],
)
def test_days_until_an_expiry_are_counted_by_midnights_across_the_change(expires: str, days: int) -> None:
    """In Berlin midnight is at 23:00 UTC before the clocks go forward on the 29th, and at 22:00 UTC after it."""
    assert days_until(at(expires), at("2026-03-28 12:00"), BERLIN) == days
