"""What a statement reads: pages by version, moments by search, totals without the spends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import Standing, standing_of
from credits.statement import reading as statement
from credits.statement.overview import months_of, overview
from credits.statement.periods import Month
from credits.statement.reading import (
    PAGE_SIZE,
    Moment,
    Selection,
    lots_left,
    moments,
    page_of,
    rows_of,
    totals,
)
from tests.credits.builders import claim, claw_back, open_account
from tests.credits_pages.builders import BERLIN, UTC, at, book, make_long, past

pytestmark = pytest.mark.django_db

START = at("2026-01-01 00:00")


@pytest.fixture
def account() -> Account:
    return open_account()


def whole(*amounts: int) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, amounts))


def standing(account: Account) -> Standing:
    assert account.owner is not None
    found = standing_of(account.owner, None)
    assert found is not None
    return found


def everything(account: Account, kind: str = "") -> Selection:
    return Selection(account.pk, 0, standing(account).version, kind)


def versions(page: statement.Page) -> list[int]:
    return [line.entry.version for line in page.lines]


# --- Pages ----------------------------------------------------------------------------------------------------------


def test_pages_hold_every_entry_once_the_newest_first(account: Account) -> None:
    make_long(account, 3 * PAGE_SIZE + 1, timezone.now())
    seen, before = [], None
    for _ in range(4):
        page = page_of(everything(account), before)
        seen += versions(page)
        before = page.older
    assert seen == list(range(3 * PAGE_SIZE + 1, 0, -1))
    assert before is None


def test_newer_leads_back_the_same_way(account: Account) -> None:
    make_long(account, 3 * PAGE_SIZE + 5, timezone.now())
    selection = everything(account)
    first = page_of(selection)
    assert first.newer is None
    second = page_of(selection, first.older)
    third = page_of(selection, second.older)
    assert second.newer == 0
    assert versions(page_of(selection, third.newer)) == versions(second)


def test_a_kind_is_paged_like_the_whole(account: Account) -> None:
    make_long(account, 100 * (PAGE_SIZE + 2), timezone.now(), seconds_apart=1)
    first = page_of(everything(account, "purchase"))
    second = page_of(everything(account, "purchase"), first.older)
    assert {line.entry.kind for line in first.lines + second.lines} == {"purchase"}
    assert (len(first.lines), len(second.lines), second.older) == (PAGE_SIZE, 3, None)
    assert versions(page_of(everything(account, "purchase"), second.newer or None)) == versions(first)


def test_a_page_that_is_booked_into_shifts_by_nothing(account: Account) -> None:
    make_long(account, 2 * PAGE_SIZE, timezone.now())
    older = page_of(everything(account)).older
    before = versions(page_of(everything(account), older))
    book(account, 5)
    assert versions(page_of(everything(account), older)) == before


def rows_read(run: Callable[[], object]) -> int:
    """How many rows of entries the database looks at for it, by PostgreSQL's own account of each plan."""
    with CaptureQueriesContext(connection) as queries:
        run()
    looked_at = 0
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            if "credits_entry" not in query["sql"]:
                continue
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query["sql"])
            looked_at += rows_in(cursor.fetchone()[0][0]["Plan"])
    return looked_at


def rows_in(plan: dict[str, Any]) -> int:
    own = 0
    if plan.get("Relation Name") == "credits_entry":
        each = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(each * plan["Actual Loops"])
    return own + sum(rows_in(child) for child in plan.get("Plans", []))


LONG = 40_000


@pytest.fixture
def long(account: Account) -> Account:
    """A history of a year and more, with 400 purchases in it."""
    make_long(account, LONG, timezone.now(), seconds_apart=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE credits_entry")
    return account


@pytest.mark.parametrize("before", [None, LONG, LONG // 2, 500])
@pytest.mark.parametrize("kind", ["", "spend", "purchase", "gift_sent"])
def test_no_page_reads_more_than_it_shows_wherever_it_is(
    long: Account, before: int | None, kind: str
) -> None:
    read = rows_read(lambda: page_of(everything(long, kind), before))
    assert read <= 2 * (PAGE_SIZE + 1) + 20


def test_the_overview_reads_no_spends_and_few_rows(long: Account) -> None:
    now = timezone.now()
    standing_now = standing(long)
    months = months_of(standing_now, now, UTC)
    searched = (12 + 1 + 31) * (LONG.bit_length() + 1)
    read = rows_read(lambda: overview(standing_now, months, None, now, UTC))
    assert read <= searched + 2 * LONG // 100 + 50
    assert read < LONG // 10


def test_queries_are_as_many_for_a_long_history_as_for_a_short_one(account: Account) -> None:
    def queries() -> int:
        now = timezone.now()
        with CaptureQueriesContext(connection) as captured:
            standing_now = standing(account)
            overview(standing_now, months_of(standing_now, now, UTC), None, now, UTC)
            page_of(everything(account))
        return len(captured)

    book(account, 100, expires_at=timezone.now() + timedelta(days=5))
    short = queries()
    for _ in range(40):
        book(account, 10, expires_at=timezone.now() + timedelta(days=5))
        book(account, -3)
    assert queries() == short <= 9


# --- Moments and totals -----------------------------------------------------------------------------------------------


def test_moments_are_those_of_a_plain_walk_through_the_history(account: Account) -> None:
    entries = [book(account, 5 if n % 4 == 0 else -1, START + timedelta(hours=n * n)) for n in range(40)]
    instants = [START + timedelta(hours=h, minutes=m) for h in range(-1, 1600, 37) for m in (0, 1)]
    instants += [entry.created_at for entry in entries]

    for moment in moments(standing(account), instants):
        passed = [entry for entry in entries if entry.created_at < moment.at]
        expected = (passed[-1].version, passed[-1].balance_after) if passed else (0, Decimal(0))
        assert (moment.version, moment.balance) == expected, moment.at


def test_totals_are_those_of_a_plain_sum(account: Account) -> None:
    amounts = ["100", "-0.1", "-0.2", "50.5", "-20", "-30.000001", "7"]
    kinds = {0: Entry.Kind.PURCHASE, 3: Entry.Kind.PROMOTION, 6: Entry.Kind.ADJUSTMENT}
    entries = [
        book(account, amount, START + timedelta(days=n), kind=kinds.get(n))
        for n, amount in enumerate(amounts)
    ]
    bounds = moments(standing(account), [START + timedelta(days=d) for d in (0, 1, 3, 3, 5, 9)])

    for found, (opening, closing) in zip(totals(account.pk, bounds), pairwise(bounds), strict=True):
        inside = [entry.amount for entry in entries if opening.at <= entry.created_at < closing.at]
        assert found.came_in == sum(amount for amount in inside if amount > 0)
        assert found.went_out == sum(amount for amount in inside if amount < 0)
        assert found.net == sum(inside)


def test_what_is_taken_back_or_expires_goes_out(account: Account) -> None:
    granted = ledger.grant(account.pk, Decimal(100), kind=Entry.Kind.PURCHASE, key="a")
    claw_back(account, claim(30), lot=granted.lot_id)
    book(account, 50, expires_at=timezone.now() - timedelta(seconds=1))
    ledger.expire_lots(account.pk)
    found = totals(account.pk, moments(standing(account), [START, timezone.now() + timedelta(hours=1)]))
    assert (found[0].came_in, found[0].went_out, found[0].net) == whole(150, -80, 70)


def test_a_month_is_that_of_the_readers_clock(account: Account) -> None:
    book(account, 10, at("2026-10-31 22:59"))
    book(account, 1, at("2026-10-31 23:30"))  # November in Berlin
    now = at("2026-11-15 12:00")
    for zone, october in ((UTC, 11), (BERLIN, 10)):
        shown = overview(
            standing(account), [Month(2026, 11), Month(2026, 10)], Month(2026, 10), now, zone
        ).shown
        assert shown.came_in == october


@pytest.mark.parametrize(
    ("month", "days"), [(Month(2026, 3), 31), (Month(2026, 10), 31), (Month(2026, 2), 28)]
)
def test_the_days_of_a_month_are_all_there_also_when_the_clocks_change(
    account: Account, month: Month, days: int
) -> None:
    for day in range(1, days + 1):
        book(account, 1, datetime(month.year, month.number, day, 0, 30, tzinfo=BERLIN))
    now = at("2027-01-01 00:00")
    found = overview(standing(account), months_of(standing(account), now, BERLIN), month, now, BERLIN)
    assert [balance for _, balance in found.days_by_date] == list(range(days, 0, -1))
    assert [day.day for day, _ in found.days_by_date] == list(range(days, 0, -1))


def test_the_balance_now_is_where_the_last_thirty_days_end(account: Account) -> None:
    now = timezone.now()
    book(account, 100, now - timedelta(days=60))
    book(account, -40, now - timedelta(seconds=5))
    found = overview(standing(account), months_of(standing(account), now, UTC), None, now, UTC)
    assert (found.days[0].balance, found.days[-1].balance) == whole(100, 60)
    assert (found.shown.net, len(found.days)) == (Decimal(-40), 31)
    assert (found.highest.balance, found.lowest.balance) == whole(100, 60)


def test_months_reach_from_the_first_entry_to_now_and_no_more_than_twelve_are_summed(
    account: Account,
) -> None:
    book(account, 100, at("2025-01-10 00:00"))
    book(account, -30, at("2026-02-10 00:00"))
    now = at("2026-03-10 00:00")
    months = months_of(standing(account), now, UTC)
    assert (str(months[0]), str(months[-1]), len(months)) == ("2026-03", "2025-01", 15)
    rows = overview(standing(account), months, None, now, UTC).months
    assert [str(row.month) for row in rows][:2] == ["2026-03", "2026-02"]
    assert len(rows) == 12
    assert (rows[1].totals.went_out, rows[1].totals.closing.balance) == whole(-30, 70)


def test_an_account_without_a_past_has_moments_at_zero(account: Account) -> None:
    assert moments(standing(account), [START]) == [Moment(START, 0, Decimal(0))]


# --- Lines, lots, standing ------------------------------------------------------------------------------------------


def test_a_line_names_the_lots_that_paid_and_what_is_owed(account: Account) -> None:
    first = ledger.grant(account.pk, Decimal(10), kind=Entry.Kind.PURCHASE, key="a")
    second = ledger.grant(account.pk, Decimal(10), kind=Entry.Kind.PURCHASE, key="b")
    book(account, -15)
    claw_back(account, claim(8, "debt"), lot=second.lot_id)
    owed, spent, *_ = page_of(everything(account)).lines
    assert [(part.lot.pk if part.lot else None, part.amount) for part in spent.parts] == [
        (first.lot_id, Decimal(-10)),
        (second.lot_id, Decimal(-5)),
    ]
    assert [(part.lot.pk if part.lot else None, part.amount) for part in owed.parts] == [
        (second.lot_id, Decimal(-5)),
        (None, Decimal(-3)),
    ]


def test_lots_are_listed_in_the_order_in_which_they_are_spent(account: Account) -> None:
    now = timezone.now()
    never = book(account, 1).lots[0]
    later = book(account, 2, expires_at=now + timedelta(days=9)).lots[0]
    paid = book(account, 3, expires_at=now + timedelta(days=2)).lots[0]
    gone = book(account, 4, expires_at=now + timedelta(days=1)).lots[0]
    book(account, -4)
    assert gone not in [lot.pk for lot in lots_left(account.pk).listed]
    assert [lot.pk for lot in lots_left(account.pk).listed] == [paid, later, never]


def test_lots_beyond_the_list_are_counted(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "MOST_LOTS", 2)
    for amount in (1, 2, 3, 4):
        book(account, amount)
    found = lots_left(account.pk)
    assert ([lot.remaining for lot in found.listed], found.more, found.left_in_more) == (
        [1, 2],
        2,
        Decimal(7),
    )


def test_what_is_past_its_expiry_is_not_available_before_the_job_has_run(account: Account) -> None:
    book(account, 10)
    book(account, 5, expires_at=timezone.now() - timedelta(seconds=1))
    ledger.hold(account.pk, Decimal(2), key="h", expires_in=timedelta(hours=1))
    before = standing(account)
    assert (before.balance, before.expired, before.available) == whole(15, 5, 8)
    ledger.expire_lots(account.pk)
    after = standing(account)
    assert (after.balance, after.expired, after.available) == whole(10, 0, 8)


def test_nothing_is_available_while_credits_are_owed(account: Account) -> None:
    granted = ledger.grant(account.pk, Decimal(10), kind=Entry.Kind.PURCHASE, key="a")
    book(account, -6)
    claw_back(account, claim(10, "debt"), lot=granted.lot_id)
    found = standing(account)
    assert (found.balance, found.debt, found.available) == whole(-6, 6, 0)


def test_rows_are_all_entries_of_the_selection_some_at_a_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "ROWS_AT_ONCE", 7)
    make_long(account, 40, timezone.now())
    batches = list(rows_of(everything(account)))
    assert [len(batch) for batch in batches] == [7, 7, 7, 7, 7, 5]
    assert [entry.version for batch in batches for entry in batch] == list(range(40, 0, -1))


def test_somebody_elses_gift_isnt_shown_for_an_entry_that_names_it(account: Account) -> None:
    book(account, 1, reference=f"gift:{uuid4()}")
    past("UPDATE credits_entry SET kind = 'gift_received'")
    assert page_of(everything(account)).lines[0].gift is None
