"""The front page: the period asked for, what each number means, a table with each chart, a file of each table."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing.admin.dashboard.cells import Cell, Share
from billing.admin.dashboard.definitions import DEFINITIONS
from billing.admin.dashboard.key_figures import BUYERS, CREDITS, MONEY, PURCHASES, KeyFigure
from billing.admin.dashboard.page import FILES
from billing.admin.dashboard.periods import USUAL, asked_period
from billing.money import Money
from billing.packages.models import Package
from credits.reporting.running_dry import find_running_dry
from tests.admin.pages import read
from tests.credits.builders import spend
from tests.figures.counting import count
from tests.figures.dashboard import DAY, INDEX, bought, days_ago, file_of, yesterday
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in


def test_the_period_of_a_chart_decides_its_steps(boss: Client, package: Package) -> None:
    for ago in (0, 1, 100, 700):
        bought(package, ago)
    count()

    def steps(**query: str) -> tuple[int, int]:
        rows = file_of(boss, "revenue", **query)
        return len(rows), sum(int(row["purchases"]) for row in rows)

    assert steps(period="7") == (7, 2)
    assert steps(period="90") == (90, 2)
    assert steps(period="365")[1] == 3
    assert 52 <= steps(period="365")[0] <= 54
    long = {"from": days_ago(729).date().isoformat(), "to": timezone.now().date().isoformat()}
    assert steps(**long)[1] == 4
    assert 24 <= steps(**long)[0] <= 25


TODAY = datetime.date(2026, 3, 31)


@pytest.mark.parametrize(
    ("asked", "days", "mistaken"),
    [
        ({}, 30, False),
        ({"period": "7"}, 7, False),
        ({"period": "eleven"}, 30, False),
        ({"from": "2026-03-01", "to": "2026-03-31"}, 31, False),
        ({"from": "2026-03-30"}, 2, False),
        ({"from": "2026-03-01", "to": "2027-01-01"}, 31, False),
        ({"to": "2026-03-02"}, 30, False),
        ({"from": "2026-03-31", "to": "2026-03-01"}, 30, True),
        ({"from": "2026-04-02", "to": "2026-04-03"}, 30, True),
        ({"from": "yesterday"}, 30, True),
        ({"from": "0001-01-01"}, 30, True),
        ({"to": "0001-01-01"}, 30, True),
    ],
)
def test_an_address_asks_for_days_and_a_mistake_is_said(
    asked: dict[str, str], days: int, mistaken: bool
) -> None:
    period = asked_period(asked, TODAY)

    assert (period.days, bool(period.mistake)) == (days, mistaken)
    assert period.last <= TODAY
    assert period.before.days == days
    assert period.before.last == period.first - DAY


def test_a_mistake_is_on_the_page(boss: Client) -> None:
    assert "Enter both dates as year-month-day" in read(boss, INDEX, **{"from": "soon"})


def test_each_number_is_shown_with_its_definition(boss: Client, package: Package) -> None:
    bought(package)
    count()
    page = read(boss, INDEX)

    assert {*MONEY, *PURCHASES, *CREDITS, *BUYERS} == set(DEFINITIONS)
    for name, meaning in DEFINITIONS.values():
        assert str(name) in page
        assert str(meaning) % {"days": 730} in page


def test_each_definition_is_in_the_documents() -> None:
    text = " ".join(Path("docs/figures.md").read_text().split())
    for name, _meaning in DEFINITIONS.values():
        assert f"| {name} |" in text, name


@pytest.mark.parametrize(
    ("value", "before", "said"),
    [
        (Money(2_419_000, "usd"), Money(2_050_000, "usd"), "vs $20,500.00 (+18%)"),
        (Money(-100, "usd"), Money(-200, "usd"), "vs −$2.00 (+50%)"),
        (3, 4, "vs 4 (−25%)"),
        (Decimal(7), Decimal(0), "vs 0"),
        (Share(0.5), Share(0.25), "vs 25.0%"),
        (None, 2, "vs 2"),
        (5, None, ""),
    ],
)
def test_a_number_says_by_how_much_it_changed(value: Cell, before: Cell, said: str) -> None:
    assert KeyFigure("code", "Name", value, "", before).as_figure.before == said


def test_a_shop_where_nothing_happened_yet_says_so(boss: Client) -> None:
    page = read(boss, INDEX)
    assert "No figures yet" in page
    assert "No sales in this period." in page
    assert "No customers are running low." in page

    count()
    assert "a job updates the figures every minute" in read(boss, INDEX)


def test_each_table_is_a_file_for_those_who_may_download(boss: Client, package: Package) -> None:
    yesterday(bought(package).account, 800)
    count()
    find_running_dry()
    clerk = sign_in(UserFactory.create(is_staff=True))
    page = read(boss, INDEX)
    for code in FILES:
        url = reverse("figures-file", args=[code])
        assert url in page
        assert url not in read(clerk, INDEX)
        assert clerk.get(url).status_code == 403
        assert boss.get(url).headers["Content-Disposition"].startswith(f'attachment; filename="{code}-')
    assert boss.get(reverse("figures-file", args=["nothing"])).status_code == 404
    assert Client().get(reverse("figures-file", args=["revenue"])).status_code == 302


def test_the_page_and_its_files_show_the_same(boss: Client, package: Package) -> None:
    for ago in range(5):
        bought(package, ago)
    count()

    table = cells_of(read(boss, INDEX, period="7"), "revenue")
    rows = file_of(boss, "revenue", period="7")
    assert [row[1] for row in table] == [row["purchases"] for row in rows]
    assert [row[2] for row in table] == [f"${Decimal(row['paid']):,.2f}" for row in rows]


def cells_of(page: str, code: str) -> list[list[str]]:
    part = page[page.index(f'aria-labelledby="{code}-head"') :]
    body = part[part.index("<tbody>") : part.index("</tbody>")]
    return [re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", row) for row in body.split("</tr>")[:-1]]


def test_however_much_was_sold_the_page_takes_as_many_queries(boss: Client, package: Package) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            read(boss, INDEX, period="365")
        return len(captured)

    bought(package, 3)
    count()
    read(boss, INDEX)
    few = queries()
    for ago in range(0, 300, 10):
        spend(bought(package, ago).account, 10)
    count()

    assert queries() == few


@pytest.mark.parametrize("period", USUAL)
def test_no_figure_reads_purchases_or_entries(boss: Client, period: str) -> None:
    """But those that count what waits, over an index that holds only that."""
    with CaptureQueriesContext(connection) as captured:
        read(boss, INDEX, period=period)

    for table in ("purchases_purchase", "credits_entry", "credits_lot", "refunds_refund", "refunds_dispute"):
        read_from = [sql["sql"] for sql in captured if f'FROM "{table}"' in sql["sql"]]
        assert all("COUNT(*)" in sql for sql in read_from), read_from
