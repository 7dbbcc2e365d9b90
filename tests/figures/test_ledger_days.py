"""Entries are counted by day: each once, none left out, whatever is under way; and the sums are those of the books."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.days import day_of
from credits.errors import LedgerError
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Lot
from credits.reporting import daily_figures
from credits.reporting.daily_figures import count_entries
from credits.reporting.models import FirstSpend, LedgerCount, LedgerDay, RunningDry, SpendingDay
from credits.reporting.running_dry import find_running_dry
from credits.reporting.selectors import ZERO, Earned, earned_by_day, standing_at
from tests.credits.builders import (
    claim,
    claw_back,
    funded,
    grant,
    hold,
    let_lot_expire,
    no_triggers,
    open_account,
    soon,
    spend,
)
from tests.figures.counting import Unfinished
from tests.figures.plain_count import plain_first_spends, plain_ledger_days, stored
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.racing import at_once

COST = ledger.Cost(900, "eur")


class Story:
    """What two accounts may live through. ``number`` picks the account and the details."""

    def __init__(self) -> None:
        self.accounts = [open_account(), open_account()]
        self.done = 0

    def act(self, step: str, number: int) -> None:
        self.done += 1
        with suppress(LedgerError):
            getattr(self, step)(self.accounts[number % 2], Decimal(7 * number + 1), f"{step} {self.done}")

    def buy(self, account: Account, amount: Decimal, key: str) -> None:
        expires_at = soon(days=1) if self.done % 3 == 0 else None
        grant(account, amount * 3, key=key, cost=COST, expires_at=expires_at)

    def be_given(self, account: Account, amount: Decimal, key: str) -> None:
        grant(account, amount, key=key, kind=Entry.Kind.PROMOTION, promotional=True)

    def spend(self, account: Account, amount: Decimal, key: str) -> None:
        spend(account, amount, key=key)

    def spend_on_credit(self, account: Account, amount: Decimal, key: str) -> None:
        held = hold(account, "0.5", key=key, overrun="debt")
        ledger.capture(held.account_id, held.id, amount, key=key)

    def lose(self, account: Account, amount: Decimal, key: str) -> None:
        lot = account.lots.order_by("id").last()
        if lot:
            claw_back(account, claim(min(amount, lot.amount), "debt"), lot=lot.pk)

    def get_back(self, account: Account, amount: Decimal, key: str) -> None:
        lost = account.clawbacks.filter(amount__gt=0).order_by("created_at").last()
        if lost:
            claw_back(account, lot=lost.lot_id)

    def give(self, account: Account, amount: Decimal, key: str) -> None:
        other = next(each for each in self.accounts if each != account)
        ledger.transfer(account.pk, other.pk, amount, key=key)

    def expire(self, account: Account, amount: Decimal, key: str) -> None:
        for lot in account.lots.filter(expires_at__isnull=False):
            let_lot_expire(lot.pk)
        ledger.expire_lots(account.pk)

    def be_counted(self, account: Account, amount: Decimal, key: str) -> None:
        count_entries()


STEPS = ["buy", "be_given", "spend", "spend_on_credit", "lose", "get_back", "give", "expire", "be_counted"]


@settings(
    max_examples=effort(10, 250),
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), min_size=4, max_size=30))
def test_whatever_happened_is_counted_once_and_comes_to_what_the_books_say(
    steps: list[tuple[str, int]],
) -> None:
    empty_tables()
    story = Story()
    for step, number in steps:
        story.act(step, number)

    count_entries()

    assert stored(LedgerDay) == plain_ledger_days()
    assert dict(FirstSpend.objects.values_list("account_id", "at")) == plain_first_spends()
    by_source = dict(
        LedgerDay.objects.values("source").annotate(sum=Sum("credits")).values_list("source", "sum")
    )
    for source, promotional in (("paid", False), ("promotional", True)):
        left = Lot.objects.filter(promotional=promotional).aggregate(sum=Sum("remaining"))["sum"]
        assert by_source.get(source, 0) == (left or 0)
    assert -by_source.get("owed", 0) == sum(account.debt for account in Account.objects.all())
    costly = Lot.objects.filter(cost_minor__isnull=False)
    deferred = sum(
        (lot.remaining * (lot.cost_minor or 0) / (lot.cost_credits or lot.amount) for lot in costly), ZERO
    )
    assert abs(deferred - standing_at(day_of(soon()), "eur").deferred) < Decimal("0.000001")


def test_credits_that_pay_off_a_debt_are_used_on_the_day_they_come() -> None:
    account = funded(10, cost=ledger.Cost(100, "eur"))
    held = hold(account, 5, overrun="debt")
    ledger.capture(held.account_id, held.id, Decimal(30), key="much")

    grant(account, 100, key="later", cost=COST)
    count_entries()

    def moved(kind: str) -> Any:
        return set(LedgerDay.objects.filter(kind=kind).values_list("source", "credits", "cost_minor"))

    assert moved("purchase") == {("paid", 10, 100), ("paid", 100, 900)}
    assert moved("offset") == {("paid", -20, 900), ("owed", 20, 0)}
    today = day_of(soon())
    assert earned_by_day(today, today, "eur")[today].used == 100 + Decimal(900) * 20 / 100


def test_a_debt_that_falls_away_uses_no_credits() -> None:
    """As when a dispute is won: what had been owed was spent, and counted, long before."""
    account = funded(100, cost=COST)
    spend(account, 60)
    claw_back(account, claim(100, "debt", kind=Clawback.Kind.DISPUTE), kind=Entry.Kind.DISPUTE)
    claw_back(account, kind=Entry.Kind.DISPUTE)
    count_entries()

    assert not LedgerDay.objects.filter(kind="offset").exists()
    assert sum(LedgerDay.objects.filter(kind="dispute").values_list("credits", flat=True)) == 0


def test_what_staff_took_or_an_account_forfeited_is_written_off_and_no_revenue() -> None:
    account = funded(100, cost=COST)
    spend(account, 10, kind=Entry.Kind.ADJUSTMENT, key="staff")
    ledger.close(account.pk)
    count_entries()

    today = day_of(soon())
    assert earned_by_day(today, today, "eur") == {today: Earned(written_off=Decimal(900))}
    assert standing_at(today, "eur").deferred == 0


def test_an_entry_that_commits_after_later_ones_is_counted_too() -> None:
    slow, quick = funded(), funded()
    count_entries()
    with Unfinished(slow):
        spend(quick, 2, key="quick")
        count_entries()
        assert LedgerDay.objects.get(kind="spend").credits == -2

    count_entries()

    assert stored(LedgerDay) == plain_ledger_days()
    assert LedgerDay.objects.get(kind="spend").credits == -3


def test_counting_up_to_the_last_id_seen_would_lose_it() -> None:
    """The control: what the test above guards against does happen."""
    slow, quick = funded(), funded()
    with Unfinished(slow):
        spend(quick, 2, key="quick")
        last_seen = Entry.objects.latest("id").pk

    assert Entry.objects.filter(pk__lte=last_seen, key="slow").exists()


def test_entries_whose_ids_are_smaller_than_those_counted_are_counted_too() -> None:
    """As those of another server may be."""
    account = funded()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('credits_entry_id_seq', 2000000000)")
    spend(account, 1, key="a large id")
    count_entries()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('credits_entry_id_seq', 1000000000)")
    spend(account, 2, key="a small one")

    count_entries()

    assert stored(LedgerDay) == plain_ledger_days()


def test_some_at_a_time_and_two_that_count_at_once_count_each_entry_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accounts = [funded() for _ in range(3)]
    count_entries()
    monkeypatch.setattr(daily_figures, "ENTRIES_AT_ONCE", 3)
    monkeypatch.setattr(daily_figures, "ACCOUNTS_AT_ONCE", 2)
    for number in range(20):
        spend(accounts[number % 7 % 3], 1, key=f"work {number}")
    shown: list[float] = []

    at_once(partial(count_entries, shown.append), count_entries, count_entries)

    assert stored(LedgerDay) == plain_ledger_days()
    assert SpendingDay.objects.count() == 3
    assert shown == sorted(shown)
    assert all(0 <= share <= 1 for share in shown)


def at_midnight(entry: Entry, moment: str) -> None:
    with no_triggers():
        Entry.objects.filter(pk=entry.pk).update(created_at=moment)


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "2026-03-01"), ("Asia/Tokyo", "2026-03-02"), ("America/Los_Angeles", "2026-03-01")],
)
def test_days_are_those_of_the_site_and_counted_anew_when_it_moves(
    settings: Any, zone: str, day: str
) -> None:
    account = funded()
    at_midnight(account.entries.get(), "2026-03-01T16:00:00+00:00")
    settings.TIME_ZONE = "Pacific/Kiritimati"
    count_entries()
    settings.TIME_ZONE = zone

    count_entries()

    assert [str(row.day) for row in LedgerDay.objects.all()] == [day]
    assert LedgerCount.objects.get().zone == zone


def test_a_burn_forgets_what_is_older_than_it_looks_back(settings: Any) -> None:
    account = funded()
    old = ledger.spend(account.pk, Decimal(5), key="old")
    at_midnight(Entry.objects.get(pk=old.entry_id), str(soon(days=-9)))
    spend(account, 1, key="new")

    count_entries()

    assert [row.spent for row in SpendingDay.objects.all()] == [1]


def test_a_day_on_which_more_was_spent_than_an_account_can_have_is_counted() -> None:
    account = open_account()
    for number in range(2):
        grant(account, 6 * 10**17, key=f"in {number}")
        spend(account, 6 * 10**17, key=f"out {number}")

    count_entries()

    assert [row.spent for row in SpendingDay.objects.all()] == [12 * 10**17]
    assert stored(LedgerDay) == plain_ledger_days()


def test_who_spends_more_in_a_day_than_an_account_can_have_is_found_to_run_dry() -> None:
    account = funded(5)
    spend(account, 1)
    count_entries()
    yesterday = timezone.localdate() - timedelta(days=1)
    SpendingDay.objects.create(account=account, day=yesterday, spent=Decimal(14 * 10**18))
    find_running_dry()
    assert RunningDry.objects.get().burn == 2 * 10**18


def test_nothing_new_takes_a_handful_of_statements() -> None:
    funded()
    count_entries()

    def statements(work: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            work()
        return len(captured)

    few = statements(count_entries)
    for number in range(30):
        funded(reference=str(number))
    count_entries()
    assert statements(count_entries) == few <= 20


def test_a_spend_pays_nothing_for_being_counted() -> None:
    """No trigger of the ledger's tables speaks of figures, and no index of entries is there for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid IN "
            "('credits_entry'::regclass, 'credits_lot'::regclass, 'credits_account'::regclass)"
        )
        triggers = " ".join(row[0] for row in cursor.fetchall())
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE confrelid = 'credits_account'::regclass")
    assert "ledgerday" not in triggers
    assert "spendingday" not in triggers
    assert timedelta(days=daily_figures.BURN_DAYS) == timedelta(days=7)
