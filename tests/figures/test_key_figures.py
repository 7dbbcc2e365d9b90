"""The front page's figures: each number is what its definition says."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.packages.models import Package
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.reporting.running_dry import find_running_dry
from tests.admin.pages import read
from tests.admin.rows import make_dispute, make_purchase, make_refund
from tests.credits.builders import grant, no_triggers, spend
from tests.figures.counting import count
from tests.figures.dashboard import DAY, INDEX, bought, days_ago, file_of, number_of, yesterday
from tests.support.builders import PackageFactory, UserFactory
from tests.support.signing_in import sign_in


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
