"""Sales in the reporting currency go by what came to the balance, and what didn't is counted, never guessed."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from billing import tasks as jobs
from billing.packages.models import PackagePrice
from billing.purchases.models import ChangedMoment, Purchase
from billing.reporting.models import BalanceMovement, SettledDay
from billing.reporting.settled import settled_sales
from billing.setup.settings_checks import find_configuration_errors
from core.days import day_of
from tests.admin.pages import read
from tests.figures.counting import count, rebuild
from tests.figures.dashboard import INDEX, file_of
from tests.returns.asking import refund
from tests.support.builders import PackageFactory, UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def sell(sandbox: Sandbox, currency: str) -> Purchase:
    """1,000 credits for $10.00, ¥1,500 or 9.00 CHF."""
    session = start(UserFactory(), currency=currency).session_id
    sandbox.pay(session)
    sandbox.wait_for_webhooks()
    return Purchase.objects.get(stripe_session_id=session)


def fetch() -> None:
    jobs.fetch_movements(0)
    count()


def test_sales_refunds_and_disputes_are_summed_up_as_they_were_settled(
    sandbox: Sandbox, as_superuser: Client, settings: Any
) -> None:
    settings.REPORTING_CURRENCY = "eur"
    sandbox.set_account(settlement_currency="eur", exchange_rates={"usd": 0.9, "jpy": 0.6})
    package = PackageFactory.create(code="starter")
    for currency, minor in (("jpy", 1500), ("chf", 900)):
        PackagePrice.objects.create(package=package, currency=currency, price_minor=minor)
    dollars, yen, _francs = (sell(sandbox, currency) for currency in ("usd", "jpy", "chf"))
    count()
    assert "settled in another currency or not yet: 3." in read(as_superuser, INDEX)
    (row,) = file_of(as_superuser, "settled")
    assert (row["purchases"], row["paid"], row["left_out"]) == ("0", "0.00", "3"), "nothing is known yet"

    fetch()
    refund(dollars, 500)
    payment = yen.payment
    assert payment is not None
    sandbox.dispute(payment.stripe_charge_id)
    sandbox.wait_for_webhooks()
    fetch()
    (row,) = file_of(as_superuser, "settled")
    # $10.00 and ¥1,500 at 0.9 and 0.6; half of the dollars and all of the yen back. The francs stay francs.
    assert row["purchases"] == "2"
    found = (row["paid"], row["refunded"], row["disputed"], row["net"], row["left_out"])
    assert found == ("18.00", "4.50", "9.00", "4.50", "1")
    today = day_of(timezone.now())
    assert {each: days[today].paid_minor for each, days in settled_sales(today, today).items()} == {
        "eur": 1800, "chf": 900,
    }  # fmt: skip

    movements = BalanceMovement.objects.count()
    fetch()
    assert (BalanceMovement.objects.count(), ChangedMoment.objects.count()) == (movements, 0)
    rebuild("--check")
    SettledDay.objects.filter(currency="eur").update(paid_minor=1)
    with pytest.raises(CommandError, match="differ from the recount"):
        rebuild("--check")
    settings.REPORTING_CURRENCY = "chf"
    (row,) = file_of(as_superuser, "settled")
    assert (row["paid"], row["left_out"]) == ("9.00", "4")


def test_without_a_reporting_currency_nothing_is_fetched_and_no_table_shown(
    sandbox: Sandbox, as_superuser: Client, settings: Any
) -> None:
    PackageFactory.create(code="starter")
    sell(sandbox, "usd")
    fetch()
    assert not BalanceMovement.objects.exists()
    assert "at Stripe’s rates" not in read(as_superuser, INDEX)
    assert as_superuser.get("/admin/figures/settled/").status_code == 404
    settings.REPORTING_CURRENCY = "euro"
    assert any("REPORTING_CURRENCY" in error for error in find_configuration_errors())
