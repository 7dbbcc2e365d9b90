"""What a plan would have saved: told only where the comparison is fair, and the plan would have cost less."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.money import Money
from billing.plans.models import Plan, add_months
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, refund_purchase
from billing.subscriptions.savings import Bought, Saving, bought_lately, saving_of
from credits.ledger.models import Account
from tests.billing.calling import browser_of
from tests.subscriptions.story import take_plan
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

CREDITS = st.integers(1, 20_000).map(Decimal)
BOUGHT = st.builds(
    Bought,
    st.integers(0, 2),
    CREDITS,
    st.builds(Money, st.integers(0, 50_000), st.sampled_from(["usd", "eur"])),
)
PLANS = st.builds(
    Plan,
    credits=CREDITS,
    price_minor=st.integers(1, 50_000),
    currency=st.sampled_from(["usd", "eur"]),
    interval=st.just("month"),
)
MONTHS = st.lists(BOUGHT, max_size=6, unique_by=lambda each: (each.month, each.paid.currency))


@given(PLANS, MONTHS)
def test_a_saving_is_told_exactly_where_the_plan_covers_each_month_for_less(
    plan: Plan, bought: list[Bought]
) -> None:
    comparable = [each for each in bought if each.paid.currency == plan.currency]
    paid = sum(each.paid.minor for each in comparable)
    is_fair = all(each.credits <= plan.credits for each in comparable)
    found = saving_of(plan, bought)
    assert (found is not None) == (is_fair and 3 * plan.price_minor < paid)
    if found is not None:
        assert found.cost.currency == found.paid.currency == plan.currency
        assert found.cost.minor < found.paid.minor == paid
        assert found.granted >= found.bought == sum(each.credits for each in comparable)


@given(PLANS, MONTHS, st.integers(0, 5), st.integers(1, 50_000))
def test_a_refund_never_makes_a_plan_look_better(
    plan: Plan, bought: list[Bought], at: int, back: int
) -> None:
    def difference(found: Saving | None) -> int:
        return found.paid.minor - found.cost.minor if found else 0

    before = difference(saving_of(plan, bought))
    if at < len(bought):
        one = bought[at]
        paid = Money(max(0, one.paid.minor - back), one.paid.currency)
        bought = [*bought[:at], Bought(one.month, one.credits, paid), *bought[at + 1 :]]
    assert difference(saving_of(plan, bought)) <= before


def test_a_plan_that_is_not_charged_monthly_is_not_compared() -> None:
    bought = [Bought(2, Decimal(1), Money(100_000, "usd"))]
    plan = Plan(credits=5000, price_minor=4000, currency="usd", interval="year")
    assert saving_of(plan, bought) is None


def buy(
    sandbox: Sandbox, user: User, months_ago: int = 0, code: str = "standard", **order: object
) -> Purchase:
    """A paid purchase, as if made so many months ago and a day."""
    started = start(user, code, **order)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    at = add_months(timezone.now(), -months_ago) - timedelta(hours=1)
    Purchase.objects.filter(pk=started.purchase.pk).update(completed_at=at)
    return started.purchase


def refund(purchase: Purchase, minor: int) -> None:
    reason, policy = Refund.Reason.REQUESTED_BY_CUSTOMER, Refund.Policy.CAP
    refund_purchase(purchase.pk, RefundOrder(minor, reason, policy, "", Refund.Origin.ADMIN, UserFactory()))


@pytest.mark.django_db(transaction=True)
def test_what_counts_is_paid_by_card_lately_and_kept(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, months_ago=3)  # too long ago
    buy(sandbox, ada, months_ago=2)
    buy(sandbox, ada)
    refund(buy(sandbox, ada), 4500)
    refund(buy(sandbox, ada, code="starter"), 400)
    by_debit = start(ada)
    sandbox.pay_later(by_debit.session_id)
    sandbox.settle(by_debit.session_id)
    buy(sandbox, UserFactory())  # another's
    take_plan(sandbox, ada)
    sandbox.wait_for_webhooks()
    assert Purchase.objects.get(pk=by_debit.purchase.pk).is_credited
    with CaptureQueriesContext(connection) as queries:
        bought = bought_lately(account)
    assert bought == [
        Bought(0, Decimal(5000), Money(4500, "usd")),
        Bought(2, Decimal(6000), Money(5100, "usd")),
    ]
    assert len(queries) == 1


@pytest.mark.django_db(transaction=True)
def test_the_pages_say_what_a_plan_would_have_cost_to_who_may_take_it(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    told = "You bought 15,000 credits for $135.00 in the last three months."
    browser = browser_of(ada)
    for months_ago in range(3):
        assert told not in browser.get("/credits/").content.decode()
        buy(sandbox, ada, months_ago)
    for page in ("/credits/", "/credits/billing/"):
        text = " ".join(browser.get(page).content.decode().split())
        assert (text.count(told), "Plus would have cost $120.00 for 15,000 credits." in text) == (1, True)
        assert "Max would" not in text
        assert "Credits you bought stay" in text
    take_plan(sandbox, ada)
    assert "would have cost" not in browser.get("/credits/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_teams_saving_is_for_who_manages_its_billing(sandbox: Sandbox, ada: User, account: Account) -> None:
    team = create_team(ada, "Engines")
    member = Membership.objects.create(team=team, user=UserFactory(), role=Role.MEMBER).user
    for months_ago in range(3):
        buy(sandbox, ada, months_ago, team_id=team.pk)
    seen = []
    for user in (ada, member):
        browser = browser_of(user)
        assert "would have cost" not in browser.get("/credits/").content.decode()  # their own account
        browser.post("/teams/switch", {"team": str(team.pk)})
        seen.append("would have cost" in browser.get("/credits/").content.decode())
    assert seen == [True, False]
