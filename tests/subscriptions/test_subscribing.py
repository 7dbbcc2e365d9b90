"""One plan per account, however it is asked for, by whoever manages the account's billing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import IntegrityError, close_old_connections, transaction

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.errors import AlreadySubscribed, BillingError, MayNotManageBilling, UnknownPlan
from billing.plans.models import Plan
from billing.provider.errors import StripeUnavailable
from billing.subscriptions.models import Subscription, Terms
from billing.subscriptions.subscribing import subscribe
from credits.ledger.models import Account
from credits.ledger.operations import open_team_account
from tests.subscriptions.story import fresh, lots, renew, sync, take_plan, told
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_checkout_names_us_and_is_the_same_when_asked_again(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    started = subscribe(ada, account, "plus")
    assert subscribe(ada, account, "plus") == started
    (session,) = sandbox.objects("checkout.session")
    assert (session["mode"], session["customer"]) == ("subscription", account.customer.stripe_customer_id)
    assert session["client_reference_id"] == str(started.subscription.pk)
    with pytest.raises(UnknownPlan):
        subscribe(ada, account, "none")
    Plan.objects.filter(code="max").update(price_minor=15_000)  # not synced yet
    with pytest.raises(UnknownPlan):
        subscribe(ada, account, "max")


def test_another_plan_closes_the_open_checkout(sandbox: Sandbox, ada: User, account: Account) -> None:
    first = subscribe(ada, account, "plus")
    second = subscribe(ada, account, "max")
    statuses = {each["id"]: each["status"] for each in sandbox.objects("checkout.session")}
    assert statuses == {first.session_id: "expired", second.session_id: "open"}
    assert (fresh(first.subscription).status, fresh(second.subscription).status) == ("expired", "pending")


def test_a_checkout_paid_a_moment_ago_is_not_closed(sandbox: Sandbox, ada: User, account: Account) -> None:
    sandbox.hold_webhooks()
    first = subscribe(ada, account, "plus")
    sandbox.pay(first.session_id)
    with pytest.raises(AlreadySubscribed):
        subscribe(ada, account, "max")
    assert (fresh(first.subscription).status, lots(account)) == ("active", [Decimal(5000)])


def test_two_at_once_take_out_one(sandbox: Sandbox, ada: User, account: Account) -> None:
    def press(code: str) -> str:
        try:
            return subscribe(ada, account, code).session_id
        except BillingError as error:
            return error.code
        finally:
            close_old_connections()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(press, ["plus", "max", "plus", "max"]))
    open_sessions = [each for each in sandbox.objects("checkout.session") if each["status"] == "open"]
    alive = Subscription.objects.exclude(status__in=Subscription.ENDED)
    assert len(open_sessions) <= 1
    assert alive.count() <= 1


def test_the_database_allows_one_that_is_alive(ada: User, account: Account) -> None:
    Subscription.objects.create(account=account, stripe_price_id="price_1", status="active")
    Subscription.objects.create(account=account, stripe_price_id="price_1", status="canceled")
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(account=account, stripe_price_id="price_1", status="past_due")


def test_a_lost_answer_leaves_nothing_that_blocks(sandbox: Sandbox, ada: User, account: Account) -> None:
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=None, after=True, times=10)
    with pytest.raises(StripeUnavailable):
        subscribe(ada, account, "plus")
    sandbox.delete("/_sandbox/faults")
    assert subscribe(ada, account, "plus").subscription.status == "pending"


def test_a_team_is_subscribed_by_who_manages_it(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = Membership.objects.create(team=team, user=UserFactory(), role=Role.MEMBER).user
    account = open_team_account(team)
    with pytest.raises(MayNotManageBilling):
        subscribe(member, account, "plus")
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)
    told(sandbox, started.subscription)
    assert lots(account) == [Decimal(5000)]


def test_subscribers_keep_their_terms_when_a_plan_is_edited(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    Plan.objects.filter(code="plus").update(credits=1, rollover="none", rollover_months=None, is_active=False)
    renewed = renew(sandbox, taken)
    assert (lots(account), renewed.terms.credits) == ([Decimal(5000)] * 2, Decimal(5000))
    assert Terms.objects.count() == 1


def test_a_checkout_that_ends_unpaid_frees_the_account(sandbox: Sandbox, ada: User, account: Account) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.expire(started.session_id)
    assert sync(started.subscription).status == "expired"
    assert subscribe(ada, account, "plus").subscription.pk != started.subscription.pk
