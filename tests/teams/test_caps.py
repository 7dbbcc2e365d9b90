"""What a member may spend per day, week or month of the site's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.teams import membership
from accounts.teams.allowances import allowances_of
from accounts.teams.caps import Cap, first_day, renewal
from accounts.teams.errors import CapReached, InvalidTeam, UnknownMember
from accounts.teams.models import MemberAllowance, Membership, Period
from tests.teams.builders import People, at, make_people, monthly, spend

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday


@pytest.fixture
def people(db: None) -> People:
    return make_people()


def cap(people: People, amount: str | int, period: Period = Period.MONTH) -> None:
    membership.set_cap(people.owner, people.team.pk, people.member.pk, Cap(Decimal(amount), period))


def refused(people: People, amount: str | int, now: datetime = NOON) -> dict[str, Any]:
    with pytest.raises(CapReached) as error:
        spend(people.team, people.member, amount, now)
    return error.value.params


@pytest.mark.parametrize("amount", ["-1", "-0.000001", "0.0000001", "1e18", "NaN", "sNaN", "Infinity"])
def test_a_cap_is_an_amount_or_nothing(amount: str) -> None:
    with pytest.raises(InvalidTeam):
        monthly(amount)


@pytest.mark.parametrize("amount", ["0", "0.000001", "999999999999999999.999999", "1.50000000"])
def test_any_amount_that_the_ledger_knows_can_be_a_cap(amount: str) -> None:
    assert monthly(amount).amount == Decimal(amount)


def test_a_member_spends_up_to_the_cap_and_not_a_millionth_more(people: People) -> None:
    cap(people, "10")
    spend(people.team, people.member, "9.999999", NOON)
    assert refused(people, "0.000002") == {
        "cap": Decimal(10),
        "left": Decimal("0.000001"),
        "period": "month",
        "renews_at": datetime(2026, 12, 1, tzinfo=UTC),
        "amount": Decimal("0.000002"),
    }
    assert spend(people.team, people.member, "0.000001", NOON) == 10


def test_a_refused_spend_is_not_counted(people: People) -> None:
    cap(people, 10)
    refused(people, 11)
    assert not MemberAllowance.objects.exists()
    assert spend(people.team, people.member, 10, NOON) == 10


def test_a_cap_of_nothing_lets_nothing_be_spent(people: People) -> None:
    cap(people, 0)
    assert refused(people, "0.000001")["left"] == 0


def test_a_cap_is_one_members_in_one_team(people: People) -> None:
    cap(people, 10)
    spend(people.team, people.member, 10, NOON)
    assert spend(people.team, people.admin, 50, NOON) == 50
    own = membership.create_team(people.member, "Own")
    assert spend(own, people.member, 50, NOON) == 50


def test_only_members_spend(people: People) -> None:
    with pytest.raises(UnknownMember):
        spend(people.team, people.stranger, 1)


def test_a_cap_begins_anew_with_its_period(people: People) -> None:
    cap(people, 10, Period.DAY)
    spend(people.team, people.member, 10, NOON)
    refused(people, 1, NOON + timedelta(hours=11, minutes=59))
    assert spend(people.team, people.member, 10, NOON + timedelta(hours=12)) == 10


@pytest.mark.django_db(transaction=True)
def test_a_cap_lowered_below_what_is_spent_stops_the_next_spend(people: People) -> None:
    spend(people.team, people.member, 30, NOON)
    cap(people, 10)
    assert refused(people, 1)["left"] == 0


def test_a_cap_for_another_period_counts_what_was_spent_in_that(people: People) -> None:
    spend(people.team, people.member, 4, NOON - timedelta(days=10))
    spend(people.team, people.member, 3, NOON - timedelta(days=2))
    spend(people.team, people.member, 2, NOON)
    for period, spent in {Period.MONTH: 9, Period.WEEK: 5, Period.DAY: 2}.items():
        cap(people, 100, period)
        member = Membership.objects.get(user=people.member)
        assert allowances_of([member], NOON)[member.pk].spent == spent, period


def test_the_refusal_says_what_is_left_and_until_when(people: People) -> None:
    cap(people, "1234.5")
    spend(people.team, people.member, 1000, NOON)
    with pytest.raises(CapReached) as error:
        spend(people.team, people.member, 1000, NOON)
    assert error.value.message == (
        "This needs 1,000 credits, but the member has 234.5 left of their limit of 1,234.5 per month. "
        "It resets on 1 Dec 2026, 00:00 UTC."
    )
    assert error.value.status == 402


def test_the_current_period_is_shown_for_everybody_in_one_query(
    people: People, django_assert_num_queries: Any
) -> None:
    cap(people, 10, Period.WEEK)
    spend(people.team, people.member, 4, timezone.now())
    spend(people.team, people.admin, 7, timezone.now())
    members = list(Membership.objects.order_by("pk"))
    with django_assert_num_queries(1):
        shown = allowances_of(members)
    assert [(shown[row.pk].spent, shown[row.pk].cap, shown[row.pk].left) for row in members] == [
        (Decimal(0), None, None),
        (Decimal(7), None, None),
        (Decimal(4), Decimal(10), Decimal(6)),
    ]


# --- Periods across changes of the clocks ---------------------------------------------------------------------------

BERLIN = "Europe/Berlin"


def hours_of(period: Period, moment: datetime) -> float:
    """How long the period lasts that begins at ``moment``."""
    return (renewal(period, moment) - moment).total_seconds() / 3600


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, (2026, 3, 28), 24),
        (BERLIN, (2026, 3, 29), 23),
        (BERLIN, (2026, 10, 25), 25),
        ("Africa/Cairo", (2026, 4, 24, 1), 23),  # its clocks skip midnight: the day starts at one
        ("Africa/Cairo", (2026, 10, 29), 25),
        ("UTC", (2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_the_clocks_say(
    settings: Any, zone: str, day: tuple[int, ...], hours: int
) -> None:
    settings.TIME_ZONE = zone
    start = at(zone, *day).astimezone(UTC)
    assert hours_of(Period.DAY, start) == hours
    assert first_day(Period.DAY, start) == date(*day[:3])
    before = start.astimezone(UTC) - timedelta(microseconds=1)
    assert first_day(Period.DAY, before) == date(*day[:3]) - timedelta(days=1)
    assert renewal(Period.DAY, before) == start


@pytest.mark.parametrize(
    ("period", "start", "hours"),
    [
        (Period.WEEK, (2026, 3, 23), 7 * 24 - 1),
        (Period.WEEK, (2026, 10, 19), 7 * 24 + 1),
        (Period.MONTH, (2026, 3, 1), 31 * 24 - 1),
        (Period.MONTH, (2026, 10, 1), 31 * 24 + 1),
        (Period.MONTH, (2026, 2, 1), 28 * 24),
        (Period.MONTH, (2028, 2, 1), 29 * 24),
    ],
)
def test_weeks_and_months_start_at_midnight_whatever_the_clocks_did(
    settings: Any, period: Period, start: tuple[int, ...], hours: int
) -> None:
    settings.TIME_ZONE = BERLIN
    assert hours_of(period, at(BERLIN, *start)) == hours


def test_the_sites_midnight_counts_and_not_the_visitors(people: People, settings: Any) -> None:
    settings.TIME_ZONE = BERLIN
    cap(people, 10, Period.DAY)
    with timezone.override("America/New_York"):
        spend(people.team, people.member, 10, at(BERLIN, 2026, 11, 21, 23, 59))
        refused(people, 1, at(BERLIN, 2026, 11, 21, 23, 59))
        assert spend(people.team, people.member, 10, at(BERLIN, 2026, 11, 22)) == 10


def test_both_hours_of_two_oclock_belong_to_one_day(people: People, settings: Any) -> None:
    settings.TIME_ZONE = BERLIN
    cap(people, 10, Period.DAY)
    first = at(BERLIN, 2026, 10, 25, 2, 30)
    spend(people.team, people.member, 6, first)
    again = first.astimezone(UTC) + timedelta(hours=1)
    assert refused(people, 6, again)["left"] == 4
