"""A customer's plans are on the page and its timeline, and each of their ids finds the customer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.admin.customers.search import find_customers
from billing.plans.models import Plan
from billing.subscriptions.models import GrantedLine, Subscription
from tests.admin.customers.rows import bill, buy, make_customer, subscribe, url_of
from tests.admin.pages import button_of, count_queries, links_on, list_of, page_of, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_customer()


@pytest.fixture
def plan(ada: User) -> Subscription:
    return subscribe(ada, "1")


def test_every_id_of_a_plan_finds_its_customer(ada: User, plan: Subscription) -> None:
    for number, row in (("1", plan), ("2", subscribe(make_customer(username="bob"), "2"))):
        line = {"stripe_line_id": f"il_{number}", "stripe_price_id": "price_1", "credits": 1}
        GrantedLine.objects.create(invoice=bill(row, number), **line)
    for text in ("sub_1", "cs_1", "in_1", "il_1", str(plan.pk)):
        assert [customer.key for customer in find_customers(text).customers] == [ada.pk], text


def test_the_page_tells_of_the_plan_and_what_its_invoices_granted(
    ada: User, plan: Subscription, as_superuser: Client
) -> None:
    purchase = buy(ada, credits=5000)
    bill(plan, "1", purchase=purchase)
    bill(plan, "2", status="open", attempted=True, issued_at=timezone.now() + timedelta(hours=1))
    page = read(as_superuser, url_of(ada))
    for shown in ("Plus · $40.00", "Active", "5,000", "Not collected", "Cancel plan", "Plus taken"):
        assert shown in page, shown
    assert page.index("Not collected") < page.index("in_1")
    dashboard = "https://dashboard.stripe.com/test"
    ours = {page_of(plan), page_of(purchase), button_of(plan, "cancel")}
    assert ours | {f"{dashboard}/subscriptions/sub_1", f"{dashboard}/invoices/in_2"} <= links_on(
        as_superuser, url_of(ada)
    )
    assert url_of(plan.account_id) in links_on(as_superuser, page_of(plan))
    [url] = [
        link for link in links_on(as_superuser, url_of(ada)) if link.startswith(f"{list_of(Subscription)}?")
    ]
    subscribe(make_customer(username="bob"), "2")
    assert as_superuser.get(url).context["cl"].result_count == 1
    Subscription.objects.filter(pk=plan.pk).update(cancel_at_period_end=True)
    page = read(as_superuser, url_of(ada))
    assert ("Ends with its period" in page, "Keep plan" in page, "Cancel plan" in page) == (True, True, False)
    Subscription.objects.filter(pk=plan.pk).update(status="canceled", ended_at=timezone.now())
    page = read(as_superuser, url_of(ada))
    assert ("Plus ended" in page, "Keep plan" in page) == (True, False)


def test_the_part_is_empty_without_a_plan_and_gone_in_a_shop_without_plans(
    ada: User, as_clerk: Client
) -> None:
    buy(ada)
    assert "No plans." not in read(as_clerk, url_of(ada))
    Plan.objects.create(code="plus", name="Plus", credits=5000, price_minor=4000, currency="usd")
    page = read(as_clerk, url_of(ada))
    assert ("No plans." in page, "Invoices of plans" in page) == (True, False)


def test_plans_take_as_many_statements_for_any_history(ada: User, as_superuser: Client) -> None:
    counts = set()
    for number in range(3):
        row = subscribe(ada, str(number), status="canceled", ended_at=timezone.now())
        for each in range(2):
            bill(row, f"{number}_{each}", purchase=buy(ada))
        counts.add(count_queries(as_superuser, url_of(ada)))
    assert len(counts) == 1
