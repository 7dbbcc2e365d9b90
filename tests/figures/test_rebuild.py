"""A recount finds and mends what is wrong, and a check only finds it."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from billing.reporting.daily_figures import count_visit
from billing.reporting.models import SalesDay, VisitDay
from billing.reporting.rebuild import Recount, rebuild_figures
from credits.reporting.models import LedgerDay
from tests.admin.rows import make_purchase, make_refund, pay
from tests.credits.builders import spend
from tests.figures.counting import Unfinished, count, rebuild
from tests.figures.plain_count import differing
from tests.support.builders import put_on_sale
from tests.support.emptying import empty_tables


@pytest.fixture(autouse=True)
def _counted() -> None:
    purchase = make_purchase()
    pay(purchase)
    make_refund(purchase)
    spend(purchase.account, 100)
    count()
    assert differing() == []


def test_what_is_right_stays_and_is_said_to_be() -> None:
    assert rebuild("--check") == "The figures match the recount.\n"
    assert rebuild() == "The figures were already correct.\n"
    assert differing() == []


def test_what_came_since_the_last_count_is_no_mistake() -> None:
    pay(make_purchase())

    assert rebuild_figures(keep=False) == Recount([], [])


def test_a_check_names_what_is_wrong_and_changes_nothing() -> None:
    LedgerDay.objects.filter(kind="spend").update(credits=F("credits") - 1)
    SalesDay.objects.update(paid_minor=7)

    out = StringIO()
    with pytest.raises(CommandError, match="Run rebuild_figures"):
        call_command("rebuild_figures", "--check", stdout=out)

    lines = [line.split()[:2] for line in out.getvalue().splitlines()]
    assert lines == [["was", "ledgerday"], ["is", "ledgerday"], ["was", "salesday"], ["is", "salesday"]]
    assert SalesDay.objects.get().paid_minor == 7
    assert LedgerDay.objects.get(kind="spend").credits == Decimal(-101)


def test_counting_anew_mends_it() -> None:
    LedgerDay.objects.all().delete()
    SalesDay.objects.update(paid_minor=7)

    assert "The figures differed and have been corrected." in rebuild()
    assert differing() == []
    count()
    assert differing() == []


def test_what_was_never_counted_is_no_difference() -> None:
    empty_tables()
    pay(make_purchase())

    assert rebuild() == "The figures were already correct.\n"
    assert differing() == []


def test_visits_are_left_alone() -> None:
    count_visit()
    rebuild()

    assert VisitDay.objects.get().visits == 1


def test_who_keeps_writing_to_the_ledger_holds_nothing_up_and_is_counted_later() -> None:
    account = make_purchase().account
    pay(make_purchase(user=account.owner))
    with Unfinished(account):
        assert rebuild() == "The figures were already correct.\n"
    count()
    assert differing() == []


def test_sample_data_is_counted_too() -> None:
    """Two years of some hundred buyers beside those that were counted before: every figure, against a count by hand."""
    put_on_sale()
    call_command("seed_demo", purchases=600, entries=2400, buyers=60, stdout=StringIO())

    count()

    assert differing() == []
    assert rebuild("--check") == "The figures match the recount.\n"
