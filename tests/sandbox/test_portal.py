"""The customer portal: its configurations and sessions by the API, and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.sandbox.calling import MakeSession, connect, find_event, list_event_types, list_events_of
from tests.support.programs import needed
from tests.support.sandbox import Sandbox

RETURN = "http://shop.test/credits/billing/"
FEATURES: dict[str, Any] = {
    "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "address"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
}
CARD = {"card_number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
DETAILS = {
    "action": "details",
    "name": "J. Doe",
    "email": "doe@shop.test",
    "line1": "1 High St",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "jenny@shop.test", "name": "Jenny"}).id


def configure(client: stripe.StripeClient, **features: Any) -> str:
    params: Any = {"features": {**FEATURES, **features}}
    return client.v1.billing_portal.configurations.create(params).id


def open_portal(client: stripe.StripeClient, customer: str, /, **params: Any) -> str:
    """The address of a session."""
    order: Any = {"customer": customer, "return_url": RETURN, **params}
    if "configuration" not in order:
        order["configuration"] = configure(client)
    return client.v1.billing_portal.sessions.create(order).url


def post(url: str, **fields: str) -> requests.Response:
    return requests.post(url, data=fields, allow_redirects=False, timeout=10)


def test_a_configuration_is_made_listed_and_changed_in_parts(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    configurations = client.v1.billing_portal.configurations
    first, second = configure(client), configure(client, invoice_history={"enabled": False})
    assert [found.id for found in configurations.list().data] == [second, first]
    page = configurations.list({"limit": 1, "starting_after": second})
    assert ([found.id for found in page.data], page.has_more) == ([first], False)
    assert configurations.list({"is_default": True}).data == []
    params: Any = {
        "active": False,
        "features": {"payment_method_update": {"enabled": False}},
        "business_profile": {"headline": "Credits"},
        "metadata": {"made_by": "command"},
    }
    configurations.update(second, params)
    changed = configurations.retrieve(second).to_dict()
    assert (changed["active"], changed["business_profile"]["headline"]) == (False, "Credits")
    assert changed["features"]["payment_method_update"]["enabled"] is False
    assert changed["features"]["customer_update"] == FEATURES["customer_update"]
    assert [found.id for found in configurations.list({"active": True}).data] == [first]
    assert list_event_types(sandbox) == [
        *["billing_portal.configuration.created"] * 2,
        "billing_portal.configuration.updated",
    ]


def test_a_configuration_that_makes_no_sense_is_refused(client: stripe.StripeClient) -> None:
    for params, param in (
        ({}, "features"),
        ({"features": {"colour": {"enabled": True}}}, "features[colour]"),
        (
            {"features": {"customer_update": {"enabled": True}}},
            "features[customer_update][allowed_updates]",
        ),
        ({"features": FEATURES, "default_return_url": "back"}, "default_return_url"),
        ({"features": FEATURES, "login_page": {"enabled": True}}, "login_page[enabled]"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.billing_portal.configurations.create(params)  # type: ignore[arg-type]
        assert refused.value.param == param
    with pytest.raises(stripe.InvalidRequestError, match="No such") as unknown:
        client.v1.billing_portal.configurations.retrieve("bpc_none")
    assert unknown.value.http_status == 404


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"configuration": "bpc_none"}, "resource_missing", "configuration"),
        ({"return_url": "back"}, "url_invalid", "return_url"),
        ({"flow_data": {"type": "dance"}}, None, "flow_data[type]"),
        (
            {"flow_data": {"type": "payment_method_update", "after_completion": {"type": "redirect"}}},
            "parameter_missing",
            "flow_data[after_completion][redirect]",
        ),
    ],
)
def test_a_session_that_makes_no_sense_is_refused(
    client: stripe.StripeClient, customer: str, params: Any, code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        open_portal(client, customer, **params)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_a_session_needs_a_customer_and_an_active_configuration(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    sessions = client.v1.billing_portal.sessions
    with pytest.raises(stripe.InvalidRequestError, match="default configuration has not been created"):
        sessions.create({"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="Missing required param: customer"):
        sessions.create({"configuration": configure(client)})
    inactive = configure(client)
    client.v1.billing_portal.configurations.update(inactive, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        open_portal(client, customer, configuration=inactive)
    key = "rk_test_" + "b" * 24
    sandbox.restrict_key(key, "customer_write")
    with pytest.raises(stripe.PermissionError, match="rak_customer_portal_write"):
        connect(sandbox, key).v1.billing_portal.sessions.create({"customer": customer})


def test_cards_are_made_the_default_and_removed(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    first = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    second = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    url = open_portal(client, customer)
    page = requests.get(url, timeout=5).text
    assert "Return to shop.test" in page
    assert f'href="{RETURN}"' in page
    assert post(url, action="default", card=first).headers["Location"] == url
    kept = client.v1.customers.retrieve(customer).to_dict()
    assert kept["invoice_settings"]["default_payment_method"] == first
    assert "Default</small>" in requests.get(url, timeout=5).text
    for _ in range(2):
        assert post(url, action="remove", card=second).status_code == 303
    assert [method.id for method in client.v1.payment_methods.list({"customer": customer}).data] == [first]
    assert list_events_of(sandbox, "payment_method.detached") == ["payment_method.detached"]
    stranger = sandbox.replace_card(client.v1.customers.create({}).id)["payment_method"]["id"]
    post(url, action="remove", card=stranger)
    assert client.v1.payment_methods.retrieve(stranger).customer is not None


@pytest.mark.parametrize("passed", [True, False])
def test_a_card_is_added_and_becomes_the_default(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str, passed: bool
) -> None:
    url = open_portal(client, customer)
    assert post(f"{url}/card", **{**CARD, "cvc": "1"}).status_code == 422
    assert (
        post(f"{url}/card", **{**CARD, "card_number": "4000000000000002"}).headers["Location"]
        == f"{url}/card"
    )
    assert "Your card was declined." in requests.get(f"{url}/card", timeout=5).text
    step = post(f"{url}/card", **{**CARD, "card_number": "4000002500003155"}).headers["Location"]
    assert step == f"{url}/authenticate"
    assert "this card may be saved" in requests.get(step, timeout=5).text
    for _ in range(2):
        post(step, answer="complete" if passed else "fail")
    cards = client.v1.payment_methods.list({"customer": customer}).data
    default = client.v1.customers.retrieve(customer).to_dict()["invoice_settings"]["default_payment_method"]
    assert [card.id for card in cards] == ([default] if passed else [])
    assert list_events_of(sandbox, "setup_intent.")[0] == "setup_intent.created"
    assert len(sandbox.objects("setup_intent")) == 1


def test_a_flow_begins_with_the_card_and_ends_at_the_merchant(
    client: stripe.StripeClient, customer: str
) -> None:
    after = {"type": "redirect", "redirect": {"return_url": "http://shop.test/done"}}
    url = open_portal(
        client, customer, flow_data={"type": "payment_method_update", "after_completion": after}
    )
    assert requests.get(url, allow_redirects=False, timeout=5).headers["Location"] == f"{url}/card"
    assert f'href="{RETURN}"' in requests.get(f"{url}/card", timeout=5).text
    assert post(f"{url}/card", **CARD).headers["Location"] == "http://shop.test/done"
    assert requests.get(url, allow_redirects=False, timeout=5).status_code == 200


def test_details_are_changed_as_far_as_allowed(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    url = open_portal(client, customer)
    wrong = post(url, **{**DETAILS, "email": "doe"})
    assert (wrong.status_code, "valid email" in wrong.text) == (422, True)
    assert post(url, **DETAILS).status_code == 303
    changed = client.v1.customers.retrieve(customer).to_dict()
    assert (changed["name"], changed["email"], changed["address"]["city"]) == (
        "J. Doe",
        "doe@shop.test",
        "Berlin",
    )
    assert set(find_event(sandbox, "customer.updated")["previous_attributes"]) == {"name", "email", "address"}
    email_only = {"enabled": True, "allowed_updates": ["email"]}
    limited = open_portal(client, customer, configuration=configure(client, customer_update=email_only))
    post(limited, **{**DETAILS, "name": "Other", "email": "new@shop.test"})
    kept = client.v1.customers.retrieve(customer)
    assert (kept.name, kept.email) == ("J. Doe", "new@shop.test")


def test_what_the_configuration_leaves_out_is_neither_shown_nor_done(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = sandbox.replace_card(customer)["payment_method"]["id"]
    off = {"enabled": False}
    bare = configure(client, payment_method_update=off, invoice_history=off, customer_update=off)
    url = open_portal(client, customer, configuration=bare)
    page = requests.get(url, timeout=5).text
    for heading in ("Payment methods", "Billing information", "Invoices"):
        assert heading not in page
    post(url, action="remove", card=card)
    post(url, **DETAILS)
    post(f"{url}/card", **CARD)
    assert [found.id for found in client.v1.payment_methods.list({"customer": customer}).data] == [card]
    assert client.v1.customers.retrieve(customer).name == "Jenny"


def test_the_customers_invoices_are_listed(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    sandbox.pay(make_session(customer=customer, invoice_creation={"enabled": True}).id)
    sandbox.pay(make_session(invoice_creation={"enabled": True}).id)
    mine, *others = client.v1.invoices.list({"customer": customer}).data
    page = requests.get(open_portal(client, customer), timeout=5).text
    assert str(mine.hosted_invoice_url) in page
    assert (others, page.count("/i/in_")) == ([], 1)


def test_an_address_works_for_an_hour_and_for_nobody_who_guesses(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    url, other = open_portal(client, customer), open_portal(client, customer)
    assert requests.get(url[:-1], timeout=5).status_code == 404
    sandbox.post("/_sandbox/clock", {"advance_s": 3700})
    assert requests.get(url, timeout=5).status_code == 404
    fresh = open_portal(client, customer)
    client.v1.customers.delete(customer)
    assert [requests.get(address, timeout=5).status_code for address in (other, fresh)] == [404, 404]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=needed("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.mark.browser
def test_a_browser_manages_cards_and_axe_finds_nothing(
    browser: Any, sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    sandbox.replace_card(customer)
    page = browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    axe = Axe()

    def find_faults() -> list[str]:
        return [violation["id"] for violation in axe.run(page).response["violations"]]

    page.goto(open_portal(client, customer))
    assert find_faults() == []
    page.get_by_role("link", name="Add a card").click()
    assert find_faults() == []
    page.get_by_role("link", name="4000 0027 6000 3184").click()
    page.get_by_role("button", name="Save card").click()
    page.get_by_role("button", name="Complete authentication").click()
    page.get_by_role("button", name="Remove Visa •••• 4242").click()
    page.get_by_text("3184").wait_for()
    assert page.get_by_text("4242").count() == 0
    assert find_faults() == []
    page.close()
