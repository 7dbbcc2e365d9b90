"""Plans on the customer portal: changed, canceled and resumed by the customer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.sandbox.calling import find_event
from tests.sandbox.subscribing import DECLINES, get_item, list_since, make_price, subscribe
from tests.support.programs import needed
from tests.support.sandbox import Sandbox

Prices = tuple[str, str]


@pytest.fixture
def prices(client: stripe.StripeClient) -> Prices:
    return make_price(client), make_price(client, "Max", 14_000)


@pytest.fixture
def plus(sandbox: Sandbox, client: stripe.StripeClient, prices: Prices) -> stripe.Subscription:
    return subscribe(sandbox, client, prices[0])


def configure(client: stripe.StripeClient, prices: Prices, **features: Any) -> str:
    """A portal that offers both plans, and cancels at the end of the period."""
    products = [{"product": client.v1.prices.retrieve(price).product, "prices": [price]} for price in prices]
    update = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "products": products,
        "proration_behavior": "always_invoice",
    }
    default = {"subscription_update": update, "subscription_cancel": {"enabled": True}}
    params: Any = {"features": {**default, **features}}
    return client.v1.billing_portal.configurations.create(params).id


def open_portal(client: stripe.StripeClient, subscription: stripe.Subscription, configuration: str) -> str:
    order: Any = {
        "customer": str(subscription.customer),
        "configuration": configuration,
        "return_url": "http://shop.test/billing",
    }
    return client.v1.billing_portal.sessions.create(order).url


def post(url: str, **fields: str) -> requests.Response:
    return requests.post(url, data=fields, allow_redirects=False, timeout=10)


def test_a_plan_is_changed_after_its_price_was_shown(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: Prices
) -> None:
    url = open_portal(client, plus, configure(client, prices))
    home = requests.get(url, timeout=5).text
    assert "Plus <small>$40.00 / month</small>" in home
    assert "Change to Max" in home
    page = f"{url}/plan?subscription={plus.id}&price={prices[1]}"
    before = len(sandbox.objects("event"))
    assert "$100.00" in requests.get(page, timeout=5).text
    assert len(sandbox.objects("event")) == before
    assert post(page).headers["Location"] == url
    changed = client.v1.subscriptions.retrieve(plus.id, {"expand": ["latest_invoice"]})
    assert get_item(changed).price.id == prices[1]
    assert isinstance(changed.latest_invoice, stripe.Invoice)
    assert changed.latest_invoice.amount_paid in (9999, 10_000)
    assert post(page).headers["Location"] == url  # once more: it has that plan already
    assert len(sandbox.objects("invoice")) == 2


def test_a_declined_change_is_told_and_changes_nothing(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: Prices
) -> None:
    sandbox.replace_card(str(plus.customer), DECLINES)
    url = open_portal(client, plus, configure(client, prices))
    before = len(sandbox.objects("event"))
    answer = post(f"{url}/plan?subscription={plus.id}&price={prices[1]}")
    assert (answer.status_code, "Your card was declined." in answer.text) == (422, True)
    assert "$100.00" in answer.text
    assert len(sandbox.objects("event")) == before
    assert get_item(client.v1.subscriptions.retrieve(plus.id)).price.id == prices[0]


def test_a_plan_is_canceled_at_its_periods_end_and_resumed(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: Prices
) -> None:
    """As at Stripe in flexible billing mode, the portal sets `cancel_at` alone."""
    url = open_portal(client, plus, configure(client, prices))
    assert post(url, action="cancel", subscription=plus.id).headers["Location"] == url
    ending = find_event(sandbox, "customer.subscription.updated")["object"]
    assert (ending["cancel_at"], ending["cancel_at_period_end"]) == (get_item(plus).current_period_end, False)
    assert "Don’t cancel" in requests.get(url, timeout=5).text
    post(url, action="resume", subscription=plus.id)
    assert client.v1.subscriptions.retrieve(plus.id).cancel_at is None
    assert sandbox.renew(plus.id)["invoice"]["status"] == "paid"
    url = open_portal(client, plus, configure(client, prices))
    post(url, action="cancel", subscription=plus.id)
    before = len(sandbox.objects("event"))
    assert sandbox.renew(plus.id)["subscription"]["status"] == "canceled"
    assert list_since(sandbox, before) == ["customer.subscription.deleted"]


def test_a_configuration_may_cancel_at_once_and_credit_the_rest(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: Prices
) -> None:
    at_once = {"enabled": True, "mode": "immediately", "proration_behavior": "always_invoice"}
    url = open_portal(client, plus, configure(client, prices, subscription_cancel=at_once))
    post(url, action="cancel", subscription=plus.id)
    assert client.v1.subscriptions.retrieve(plus.id).status == "canceled"
    assert client.v1.customers.retrieve(str(plus.customer)).balance in (-4000, -3999)
    assert "No subscriptions." in requests.get(url, timeout=5).text


def test_what_is_not_allowed_or_somebody_elses_is_neither_shown_nor_done(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: Prices
) -> None:
    off = {"enabled": False}
    bare = configure(
        client,
        prices,
        subscription_cancel=off,
        subscription_update=off,
        invoice_history={"enabled": True},
    )
    url = open_portal(client, plus, bare)
    assert "Subscriptions" not in requests.get(url, timeout=5).text
    stranger = open_portal(client, subscribe(sandbox, client, prices[0]), configure(client, prices))
    for address in (url, stranger):
        post(address, action="cancel", subscription=plus.id)
        post(f"{address}/plan?subscription={plus.id}&price={prices[1]}")
    kept = client.v1.subscriptions.retrieve(plus.id)
    assert (kept.cancel_at, get_item(kept).price.id) == (None, prices[0])


def test_a_configuration_of_plans_that_makes_no_sense_is_refused(
    client: stripe.StripeClient, prices: Prices
) -> None:
    product = client.v1.prices.retrieve(prices[0]).product
    whole: dict[str, Any] = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "products": [{"product": product, "prices": [prices[0]]}],
    }
    lowered = {"conditions": [{"type": "decreasing_item_amount"}]}
    for change, param in (
        ({"products": []}, "[products]"),
        ({"default_allowed_updates": []}, "[default_allowed_updates]"),
        ({"products": [{"product": product, "prices": [prices[1]]}]}, "[products][0][prices][0]"),
        ({"products": [{"product": product, "prices": ["price_none"]}]}, "[products][0][prices][0]"),
        ({"schedule_at_period_end": lowered}, "[schedule_at_period_end]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            configure(client, prices, subscription_update={**whole, **change})
        assert refused.value.param == f"features[subscription_update]{param}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=needed("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
def test_a_browser_subscribes_changes_cancels_and_pays_and_axe_finds_nothing(
    browser: Any, sandbox: Sandbox, client: stripe.StripeClient, prices: Prices
) -> None:
    page = browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    axe = Axe()

    def find_faults() -> list[str]:
        return [violation["id"] for violation in axe.run(page).response["violations"]]

    order: Any = {
        "mode": "subscription",
        "line_items": [{"price": prices[0], "quantity": 1}],
        "success_url": f"{sandbox.url}/?subscribed",
    }
    session = client.v1.checkout.sessions.create(order)
    page.goto(session.url)
    assert page.get_by_text("$40.00 / month").is_visible()
    assert find_faults() == []
    page.get_by_role("link", name="4242 4242 4242 4242").click()
    page.get_by_label("Email").fill("jenny@shop.test")
    page.get_by_role("button", name="Subscribe").click()
    page.wait_for_url("**/?subscribed")
    (subscription,) = client.v1.subscriptions.list().data

    page.goto(open_portal(client, subscription, configure(client, prices)))
    assert find_faults() == []
    page.get_by_role("link", name="Change to Max").click()
    assert find_faults() == []
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("link", name="Change to Plus").wait_for()
    page.get_by_role("button", name="Cancel Max").click()
    page.get_by_role("button", name="Don’t cancel Max").click()
    page.get_by_role("button", name="Cancel Max").wait_for()

    sandbox.replace_card(str(subscription.customer), DECLINES)
    invoice = sandbox.renew(subscription.id)["invoice"]
    page.goto(invoice["hosted_invoice_url"])
    assert find_faults() == []
    page.get_by_role("link", name="4000 0025 0000 3155").click()
    page.get_by_role("button", name="Pay $140.00").click()
    page.get_by_role("button", name="Complete authentication").click()
    page.get_by_text("Amount paid").wait_for()
    assert find_faults() == []
    page.close()
