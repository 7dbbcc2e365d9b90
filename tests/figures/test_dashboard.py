"""The front page's figures: each number is what its definition says, each chart has its table, each table is a file."""

from __future__ import annotations

import csv
import datetime
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from billing.admin.dashboard.cells import Cell, Share
from billing.admin.dashboard.definitions import DEFINITIONS
from billing.admin.dashboard.key_figures import BUYERS, CREDITS, MONEY, PURCHASES, KeyFigure
from billing.admin.dashboard.page import FILES
from billing.admin.dashboard.periods import USUAL, asked_period
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.reporting.running_dry import find_running_dry
from tests.admin.pages import read
from tests.admin.rows import make_dispute, make_purchase, make_refund, pay
from tests.credits.builders import grant, no_triggers, spend
from tests.figures.counting import count, paid_at
from tests.support.builders import PackageFactory, UserFactory
from tests.support.signing_in import sign_in

INDEX = reverse("admin:index")
DAY = datetime.timedelta(days=1)


def days_ago(number: int) -> datetime.datetime:
    return timezone.now() - number * DAY


def bought(package: Package, ago: int = 0, user: User | None = None) -> Purchase:
    purchase = make_purchase(package=package, user=user)
    pay(purchase)
    paid_at(purchase, days_ago(ago))
    return purchase


@pytest.fixture
def boss() -> Client:
    return sign_in(UserFactory.create(is_staff=True, is_superuser=True))


@pytest.fixture
def package() -> Package:
    """1,000 credits for $10.00."""
    found: Package = PackageFactory.create(code="small", name="Small")
    return found


def number_of(client: Client, code: str, **query: str) -> tuple[str, str]:
    """A figure and what it was before, as its file gives them."""
    rows = {row["figure"]: row for row in file_of(client, "figures", **query)}
    return rows[code]["value"], rows[code]["before"]


def file_of(client: Client, code: str, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(reverse("figures-file", args=[code]), query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(text.splitlines()))


def test_money_of_the_period_and_of_the_days_before(boss: Client, package: Package) -> None:
    for ago in (0, 3, 6, 8):
        bought(package, ago)
    purchase = bought(package, 2)
    make_refund(purchase, amount_minor=250, counted_minor=250, status="succeeded", stripe_refund_id="re_1")
    make_dispute(purchase, amount_minor=100, status="lost")
    make_dispute(purchase, amount_minor=100, status="won")
    count()

    def figure(code: str) -> tuple[str, str]:
        return number_of(boss, code, period="7")

    assert figure("revenue") == ("40.00", "10.00")
    assert figure("refunded") == ("2.50", "0.00")
    assert figure("net_revenue") == ("36.50", "10.00")
    assert figure("purchases") == ("4", "1")
    assert figure("average_purchase") == ("10.00", "10.00")
    assert figure("refund_rate") == ("0.062500", "0.000000")
    assert figure("dispute_rate") == ("0.500000", "0.000000")


def test_conversion_is_of_the_checkouts_started(boss: Client, package: Package) -> None:
    bought(package)
    make_purchase(package=package)
    for status in ("expired", "failed"):
        make_purchase(package=package, status=status)
    count()

    assert number_of(boss, "conversion") == ("0.250000", "")
    assert number_of(boss, "abandonment") == ("0.250000", "")
    assert {row["status"]: row["purchases"] for row in file_of(boss, "statuses")}["Expired"] == "1"


def test_a_paid_credit_is_deferred_until_it_is_spent_or_expires(boss: Client, package: Package) -> None:
    account = bought(package).account
    spend(account, 250)
    grant(account, 100, key="gift", kind=Entry.Kind.PROMOTION, promotional=True)
    expiring = grant(account, 200, key="more", cost=ledger.Cost(400, "usd"), expires_at=days_ago(-1))
    assert expiring
    with no_triggers():
        account.lots.filter(expires_at__isnull=False).update(expires_at=days_ago(0))
    ledger.expire_lots(account.pk)
    count()

    assert number_of(boss, "deferred_revenue")[0] == "7.50"
    assert number_of(boss, "recognised_revenue")[0] == "6.50"
    assert number_of(boss, "breakage")[0] == "4.00"
    assert number_of(boss, "outstanding_paid")[0] == "750"
    assert number_of(boss, "outstanding_promotional")[0] == "100"
    assert number_of(boss, "owed")[0] == "0"


def test_credits_that_could_not_be_taken_back_lower_what_was_recognised(
    boss: Client, package: Package
) -> None:
    """All were used, and all of the money went back: nothing was earned."""
    purchase = bought(package)
    spend(purchase.account, 1000)
    make_refund(purchase, amount_minor=1000, counted_minor=1000, status="succeeded", stripe_refund_id="re_1")
    count()

    assert number_of(boss, "recognised_revenue")[0] == "0.00"
    assert number_of(boss, "deferred_revenue")[0] == "0.00"


def test_what_staff_took_and_what_was_forfeited_is_written_off(boss: Client, package: Package) -> None:
    account = bought(package).account
    spend(account, 250, kind=Entry.Kind.ADJUSTMENT)
    ledger.close(account.pk)
    count()

    assert number_of(boss, "written_off")[0] == "10.00"
    assert number_of(boss, "deferred_revenue")[0] == "0.00"
    assert number_of(boss, "recognised_revenue")[0] == "0.00"


def test_repeat_rate_and_what_a_buyer_is_worth(boss: Client, package: Package, settings: Any) -> None:
    settings.CUSTOMER_LIFETIME_DAYS = 300
    again = UserFactory.create()
    for ago in (40, 10, 5):
        bought(package, ago, again)
    bought(package, 5)
    count()

    assert number_of(boss, "buyers") == ("2", "1")
    assert number_of(boss, "new_buyers") == ("1", "1")
    assert number_of(boss, "repeat_rate") == ("0.500000", "0.000000")
    assert number_of(boss, "customer_value") == ("20.00", "10.00")
    # $10.00 for a purchase, 3 purchases of 2 buyers in 30 days, 300 days.
    assert number_of(boss, "lifetime_value")[0] == "150.00"


def test_the_funnel_leads_from_the_visit_to_the_first_spend(boss: Client, package: Package) -> None:
    buyer = UserFactory.create()
    client = sign_in(buyer)
    for _ in range(3):
        client.get(reverse("credits"))
    sign_in(buyer).get(reverse("credits"))
    purchase = bought(package, user=buyer)
    make_purchase(package=package, user=buyer)
    spend(purchase.account, 1, key="a")
    spend(purchase.account, 1, key="b")
    count()

    rows = file_of(boss, "funnel")
    assert [(row["number"], row["of_before"]) for row in rows] == [
        ("2", ""),
        ("2", "1.000000"),
        ("1", "0.500000"),
        ("1", "1.000000"),
    ]


def test_a_visit_on_another_day_is_another_visit(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    client, today = sign_in(UserFactory.create()), timezone.now()
    client.get(reverse("credits"))
    monkeypatch.setattr("billing.reporting.visits.day_of", lambda moment: today.date() + DAY)
    client.get(reverse("credits"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(visits) FROM reporting_visitday")
        assert cursor.fetchone() == (2,)


def test_who_uses_most_of_what_is_left_is_about_to_run_dry(boss: Client, package: Package) -> None:
    thrifty, hasty = bought(package).account, bought(package).account
    given = ledger.open_account(UserFactory.create())
    grant(given, 1000, kind=Entry.Kind.PROMOTION, promotional=True)
    for account, amount in ((thrifty, 100), (hasty, 800), (given, 800)):
        yesterday(account, amount)
    count()
    find_running_dry()

    (row,) = file_of(boss, "running-dry")
    assert row == {
        "account": str(hasty),
        "balance": "200",
        "burn_per_day": "114.285714",
        "days_left": "1.75",
    }


def yesterday(account: Account, amount: int) -> None:
    entry = spend(account, amount, key="yesterday")
    with no_triggers():
        Entry.objects.filter(pk=entry.entry_id).update(created_at=days_ago(1))


def test_packages_come_with_their_share_the_best_first(boss: Client, package: Package) -> None:
    large = PackageFactory.create(code="large", name="=Large", price_minor=3000)
    bought(package)
    bought(large)
    count()

    rows = file_of(boss, "packages")
    assert [(row["package"], row["paid"], row["share"]) for row in rows] == [
        ("'=Large", "30.00", "0.750000"),
        ("Small", "10.00", "0.250000"),
    ]


def test_another_currency_is_shown_by_itself(boss: Client, package: Package) -> None:
    yen = PackageFactory.create(code="yen", currency="jpy", price_minor=1500)
    for each in (package, package, yen):
        bought(each)
    count()

    assert number_of(boss, "revenue")[0] == "20.00"
    assert number_of(boss, "revenue", currency="jpy")[0] == "1500"
    assert number_of(boss, "revenue", currency="xxx")[0] == "20.00"
    page = read(boss, INDEX, currency="jpy")
    assert "¥1,500" in page
    assert "$20.00" not in page


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
