"""The shop's plans and the account's plan on the billing page, each button once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.customers.methods import shown_methods
from billing.plans.models import Plan
from billing.subscriptions.models import Subscription
from credits.ledger.models import Account
from tests.billing.calling import browser_of
from tests.subscriptions.story import DECLINES, MINE, fresh, lots, press, renew, take_plan
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_plan_is_taken_changed_and_canceled_on_the_pages(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.hold_webhooks()
    browser = browser_of(ada)
    assert text(browser, "/credits/").count("Subscribe") == 2
    answer = browser.post("/credits/billing/plan/subscribe", {**MINE, "plan_code": "plus"})
    assert (answer.status_code, "/c/pay/cs_" in answer.headers["Location"]) == (303, True)
    row = Subscription.objects.get()
    sandbox.pay(str(row.stripe_session_id))
    back = browser.get(f"/credits/billing/?subscribed={row.pk}", follow=True).content.decode()
    assert "Your plan has started." in back
    assert "5,000 credits a month, $40.00 a month" in back
    assert "Change to Max: up to $100.00 now, then $140.00 a month" in back
    assert lots(account) == [Decimal(5000)]
    shop = text(browser, "/credits/")
    assert ("Your plan" in shop, "Subscribe" in shop) == (True, False)
    changed = press(browser, "change", plan_code="max")
    assert ("Your plan is Max now." in changed, "Change to Plus, $40.00 a month" in changed) == (True, True)
    assert "Your plan ends at the end of its period." in press(browser, "ending", ends="1")
    assert "Keep the plan" in text(browser, "/credits/billing/")
    assert "Your plan continues." in press(browser, "ending", ends="0")
    assert "Your plan is Plus from the next period on." in press(browser, "change", plan_code="plus")
    assert "You already have a plan." in press(browser, "subscribe", plan_code="plus")
    assert "No plan on sale has this code." in press(browser, "change", plan_code="none")


def test_a_failed_renewal_shows_where_to_pay(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    sandbox.replace_card(str(account.customer.stripe_customer_id), DECLINES)
    behind = renew(sandbox, taken)
    assert behind.open_invoice is not None
    page = text(browser_of(ada), "/credits/billing/")
    assert f'href="{behind.open_invoice.hosted_url}">Pay $40.00' in page
    assert "Change to" not in page
    assert "Pay the open invoice first." in press(browser_of(ada), "change", plan_code="max")


def test_removing_the_last_card_of_a_plan_says_what_follows(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    take_plan(sandbox, ada)
    (card,) = shown_methods(account)
    form = {"card": str(card.row.pk), "shown_for": "personal"}
    said = browser_of(ada).post("/credits/billing/cards/remove", form, follow=True).content.decode()
    assert "Your plan has no card left to charge." in said


def test_the_card_made_default_pays_for_the_plan_too(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    for number in ("4000000000005126", "4242424242424242"):  # the newest is the default
        sandbox.pay(start(ada).session_id, number, save=True)
        sandbox.wait_for_webhooks()
    card = next(each.row for each in shown_methods(account) if each.row.last4 == "5126")
    browser = browser_of(ada)
    assert "Make default, for your plan too" in text(browser, "/credits/billing/")

    sandbox.fault(method="POST", path="/v1/subscriptions/*", status=400, times=1)
    told = browser.post("/credits/billing/cards/default", {**MINE, "card": str(card.pk)}, follow=True)
    assert "Nothing was changed." in told.content.decode()
    account.customer.refresh_from_db()
    assert account.customer.default_method != card.stripe_payment_method_id

    browser.post("/credits/billing/cards/default", {**MINE, "card": str(card.pk)})
    (at_stripe,) = sandbox.objects("subscription")
    assert at_stripe["default_payment_method"] == card.stripe_payment_method_id
    assert shown_methods(account)[0].row == card
    renewed = renew(sandbox, taken)
    assert (renewed.status, lots(account)) == ("active", [Decimal(n) for n in (5000, 1000, 1000, 5000)])
    stranger = browser_of(UserFactory())
    stranger.post("/credits/billing/cards/default", {**MINE, "card": str(shown_methods(account)[1].row.pk)})
    assert sandbox.objects("subscription")[0]["default_payment_method"] == card.stripe_payment_method_id


def test_only_the_accounts_own_checkout_is_confirmed(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    stranger = browser_of(UserFactory())
    assert (
        "plan has started"
        not in stranger.get(f"/credits/billing/?subscribed={taken.pk}", follow=True).content.decode()
    )
    assert press(stranger, "ending", ends="1").count("There is no plan to change.") == 1
    assert fresh(taken).cancel_at_period_end is False


def test_without_plans_nothing_is_said_of_them(ada: User) -> None:
    Plan.objects.update(is_active=False)
    assert "Plans" not in text(browser_of(ada), "/credits/")
    assert 'id="plan"' not in text(browser_of(ada), "/credits/billing/")


def test_a_teams_member_sees_plans_and_cannot_take_one(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = Membership.objects.create(team=team, user=UserFactory(), role=Role.MEMBER).user
    browser = browser_of(member)
    browser.post(reverse("teams:switch"), {"team": str(team.pk)})
    assert "The team’s owner and admins can subscribe." in text(browser, "/credits/")
    answer = browser.post(
        "/credits/billing/plan/subscribe", {"shown_for": str(team.pk), "plan_code": "plus"}, follow=True
    )
    assert "Only the team’s owner and admins can do this." in answer.content.decode()
    assert not Subscription.objects.exists()


def test_staff_see_subscriptions(sandbox: Sandbox, ada: User, admin_client: Client) -> None:
    taken = take_plan(sandbox, ada)
    assert "Plus" in text(admin_client, "/admin/subscriptions/subscription/")
    assert "Plus" in text(
        admin_client, f"/admin/subscriptions/subscription/?q={taken.stripe_subscription_id}"
    )
    page = text(admin_client, f"/admin/subscriptions/subscription/{taken.pk}/change/")
    assert "5,000 credits a month for $40.00" in page
    for shown in ("$40.00", "Paid", "Customer page"):
        assert shown in page, shown
