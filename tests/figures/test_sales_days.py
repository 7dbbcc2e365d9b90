"""Purchases, refunds and disputes are counted on their day, however late they change and whoever changes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing.purchases.models import ChangedMoment, Purchase
from billing.refunds.models import Dispute, Refund
from billing.reporting import daily_figures
from billing.reporting.daily_figures import count_changed_days
from billing.reporting.models import CheckoutDay, ReturnsDay, SalesDay
from tests.admin.rows import make_dispute, make_payment, make_purchase, make_refund, pay
from tests.credits.builders import no_triggers
from tests.figures.counting import paid_at
from tests.figures.plain_count import (
    plain_checkout_days,
    plain_returns_days,
    plain_sales_days,
    stored,
)
from tests.support.builders import PackageFactory, UserFactory
from tests.support.racing import at_once

LONG_AGO = timedelta(days=100)


def assert_counted() -> None:
    count_changed_days()
    assert stored(CheckoutDay) == plain_checkout_days()
    assert stored(SalesDay) == plain_sales_days()
    assert stored(ReturnsDay) == plain_returns_days()


def bought(days_ago: int = 0, **fields: Any) -> Purchase:
    """A paid purchase."""
    purchase = make_purchase(**fields)
    pay(purchase)
    paid_at(purchase, timezone.now() - timedelta(days=days_ago))
    return purchase


def test_a_purchase_is_counted_as_it_stands_on_the_day_it_began() -> None:
    count_changed_days()
    purchase = make_purchase()
    assert_counted()

    pay(purchase)

    assert_counted()
    assert CheckoutDay.objects.get().status == "completed"


def test_what_changes_long_after_its_day_is_counted_there() -> None:
    purchase = bought(days_ago=100)
    assert_counted()

    with connection.cursor() as cursor:  # as a script would
        cursor.execute("UPDATE purchases_purchase SET status = 'refunded'")

    assert_counted()
    row = CheckoutDay.objects.get()
    assert (row.status, row.day) == ("refunded", purchase.created_at.date())


def test_first_and_second_purchases_are_those_of_a_buyer_in_time() -> None:
    user, package = UserFactory.create(), PackageFactory.create()
    for days_ago in (30, 20, 10):
        bought(days_ago, user=user, package=package)
    bought(20, package=package)

    assert_counted()
    days = SalesDay.objects.order_by("day").values_list("first_purchases", "second_purchases")
    assert list(days) == [(1, 0), (1, 1), (0, 0)]


@pytest.mark.parametrize("status", Refund.Status.values)
def test_a_refund_counts_while_it_stands(status: str) -> None:
    refund = make_refund(bought(), status="requested")
    assert_counted()
    assert ReturnsDay.objects.get().refunded_minor == 100

    Refund.objects.filter(pk=refund.pk).update(status=status, stripe_refund_id="re_1")

    assert_counted()
    assert ReturnsDay.objects.exists() == (status in Refund.STANDING)


@pytest.mark.parametrize("status", Dispute.Status.values)
def test_an_inquiry_is_no_dispute_and_a_won_one_keeps_nothing_away(status: str) -> None:
    make_dispute(bought(), status=status)

    assert_counted()
    counted = ReturnsDay.objects.first()
    inquiry = status.startswith("warning") or status == "prevented"
    assert (counted is None) == inquiry
    if counted:
        assert counted.disputed_minor == (100 if status in Dispute.STANDING else 0)


def test_days_are_those_of_the_payment_and_the_refund_and_not_of_learning_of_them() -> None:
    """Stripe was paid before midnight of New Year, and refunded on the 2nd; nobody told us until the 5th."""
    purchase = bought()
    paid_at(purchase, datetime(2025, 12, 31, 23, 30, tzinfo=UTC))
    Purchase.objects.update(completed_at=datetime(2026, 1, 5, tzinfo=UTC))
    refund = make_refund(purchase, made_at=datetime(2026, 1, 2, tzinfo=UTC))
    dispute = make_dispute(purchase, made_at=datetime(2026, 1, 3, tzinfo=UTC), status="needs_response")
    with no_triggers():
        for each in (refund, dispute):
            type(each)._default_manager.filter(pk=each.pk).update(created_at=datetime(2026, 1, 5, tzinfo=UTC))

    assert_counted()
    assert [str(row.day) for row in SalesDay.objects.all()] == ["2025-12-31"]
    assert [str(row.day) for row in ReturnsDay.objects.order_by("day")] == ["2026-01-02", "2026-01-03"]


def test_what_goes_back_of_a_payment_that_was_not_accepted_lowers_nothing() -> None:
    purchase = bought()
    second = make_payment(purchase, attention="paid_twice")
    make_refund(purchase, payment=second, status="requested")
    assert_counted()
    assert not ReturnsDay.objects.exists()


def test_what_was_free_is_no_sale_and_its_buyer_none() -> None:
    user = UserFactory.create()
    bought(user=user, package=PackageFactory.create(price_minor=0))
    assert_counted()
    assert not SalesDay.objects.exists()

    bought(user=user)
    assert_counted()
    assert SalesDay.objects.get().first_purchases == 1


def test_currencies_are_never_added_up() -> None:
    for currency in ("usd", "jpy"):
        bought(package=PackageFactory.create(code="same" + currency, currency=currency))

    assert_counted()
    assert sorted(SalesDay.objects.values_list("currency", "paid_minor")) == [("jpy", 1000), ("usd", 1000)]


def test_a_change_is_noted_with_it_or_not_at_all() -> None:
    purchase = bought()
    count_changed_days()
    with transaction.atomic():
        Purchase.objects.filter(pk=purchase.pk).update(status="disputed")
        assert ChangedMoment.objects.exists()
        transaction.set_rollback(True)

    assert not ChangedMoment.objects.exists()


def test_counting_that_fails_keeps_what_was_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    count_changed_days()
    bought()

    def die(*days: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(daily_figures, "_count_days", die)
        with pytest.raises(ZeroDivisionError):
            count_changed_days()

    assert ChangedMoment.objects.exists()
    assert_counted()


def test_what_changes_while_its_day_is_counted_is_counted_next_time() -> None:
    """Nothing is lost between taking the notes and reading the day, whichever of the two comes first."""
    package = PackageFactory.create()
    count_changed_days()

    for _ in range(5):
        at_once(count_changed_days, lambda: _buy(package), lambda: _buy(package), count_changed_days)

    assert_counted()
    assert sum(SalesDay.objects.values_list("purchases", flat=True)) == 10


def _buy(package: Any) -> None:
    pay(make_purchase(package=package))


@pytest.mark.parametrize(
    ("zone", "day"),
    [("UTC", "2026-03-01"), ("Asia/Tokyo", "2026-03-02"), ("America/Los_Angeles", "2026-03-01")],
)
def test_days_are_those_of_the_site(settings: Any, zone: str, day: str) -> None:
    purchase = bought()
    paid_at(purchase, datetime(2026, 3, 1, 16, tzinfo=UTC))
    count_changed_days()
    settings.TIME_ZONE = zone

    assert_counted()
    assert str(SalesDay.objects.get().day) == day


def test_only_the_days_that_changed_are_read_again() -> None:
    for days_ago in range(40):
        bought(days_ago)
    assert_counted()
    CheckoutDay.objects.filter(day__lt=timezone.now().date()).update(purchases=99)

    bought()
    count_changed_days()

    assert sorted(set(CheckoutDay.objects.values_list("purchases", flat=True))) == [1, 99]
