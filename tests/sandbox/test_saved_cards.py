"""Customers' cards: attached, made the default, updated and detached, by the API and by controls."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import connect, find_event, list_event_types, list_events_of
from tests.support.sandbox import Sandbox

SPENT = "It may not be used again"


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "jenny@shop.test"}).id


def attach(client: stripe.StripeClient, customer: str, card: str = "pm_card_visa") -> str:
    return client.v1.payment_methods.attach(card, {"customer": customer}).id


def default_of(client: stripe.StripeClient, customer: str) -> Any:
    return client.v1.customers.retrieve(customer).to_dict()["invoice_settings"]["default_payment_method"]


def test_a_card_is_attached_listed_and_made_the_default(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    first, second = attach(client, customer), attach(client, customer, "pm_card_authenticationRequired")
    assert list_events_of(sandbox, "payment_method.") == ["payment_method.attached"] * 2
    methods = client.v1.payment_methods
    for listed in (
        methods.list({"customer": customer}),
        methods.list({"customer": customer, "type": "card"}),
        client.v1.customers.payment_methods.list(customer),
    ):
        assert [method.id for method in listed.data] == [second, first]
    page = client.v1.customers.payment_methods.list(customer, {"limit": 1, "starting_after": second})
    assert ([method.id for method in page.data], page.has_more) == ([first], False)
    assert methods.list({"customer": customer, "type": "sepa_debit"}).data == []
    assert client.v1.customers.payment_methods.retrieve(customer, first).customer == customer
    params: Any = {
        "invoice_settings": {"default_payment_method": first},
        "expand": ["invoice_settings.default_payment_method"],
    }
    updated = client.v1.customers.update(customer, params).to_dict()
    assert updated["invoice_settings"]["default_payment_method"]["card"]["last4"] == "4242"
    assert default_of(client, customer) == first
    former = find_event(sandbox, "customer.updated")["previous_attributes"]["invoice_settings"]
    assert former["default_payment_method"] is None


def test_a_default_must_be_the_customers_own_card(client: stripe.StripeClient, customer: str) -> None:
    other = client.v1.customers.create({}).id
    for method, message in (
        (attach(client, other), "does not have a payment method"),
        ("pm_none", "No such"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
            client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        assert (refused.value.code, refused.value.param) == (
            "resource_missing",
            "invoice_settings[default_payment_method]",
        )
    assert default_of(client, customer) is None


def test_a_detached_card_is_the_default_no_more_and_never_comes_back(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    method = attach(client, customer)
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    assert client.v1.payment_methods.detach(method).customer is None
    assert list_event_types(sandbox)[-2:] == ["payment_method.detached", "customer.updated"]
    assert find_event(sandbox, "payment_method.detached")["previous_attributes"] == {"customer": customer}
    assert default_of(client, customer) is None
    assert client.v1.payment_methods.list({"customer": customer}).data == []
    with pytest.raises(stripe.InvalidRequestError, match=SPENT):
        client.v1.payment_methods.attach(method, {"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="is not attached to a customer"):
        client.v1.payment_methods.detach(method)


def test_a_card_is_attached_once(client: stripe.StripeClient, customer: str) -> None:
    method = attach(client, customer)
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(method, {"customer": client.v1.customers.create({}).id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_methods.attach("pm_card_visa", {"customer": "cus_none"})
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


@pytest.mark.parametrize(
    ("card", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_chargeCustomerFail", None),
    ],
)
def test_a_card_that_is_declined_can_be_attached_only_if_its_bank_says_so(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str, card: str, decline_code: str | None
) -> None:
    if decline_code is None:
        assert attach(client, customer, card).startswith("pm_")
        return
    with pytest.raises(stripe.CardError) as declined:
        attach(client, customer, card)
    error = declined.value.error
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert error is not None
    assert error.decline_code == decline_code
    assert list_events_of(sandbox, "payment_method.") == []


def test_a_deleted_customers_cards_are_detached(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    method = attach(client, customer)
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
    client.v1.customers.delete(customer)
    assert list_event_types(sandbox)[-2:] == ["customer.deleted", "payment_method.detached"]
    assert client.v1.payment_methods.retrieve(method).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.payment_methods.list({"customer": customer})
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.payment_methods.list(customer)


def test_a_customer_is_created_with_a_card(client: stripe.StripeClient) -> None:
    made = client.v1.customers.create({"payment_method": "pm_card_visa"})
    (method,) = client.v1.payment_methods.list({"customer": made.id}).data
    assert method.card is not None
    assert method.card.last4 == "4242"


def test_an_update_keeps_to_what_can_change(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    method = attach(client, customer)
    params: Any = {
        "card": {"exp_month": 3, "exp_year": 2031},
        "billing_details": {"name": "Jenny", "address": {"country": "DE"}},
        "allow_redisplay": "always",
        "metadata": {"note": "1"},
    }
    updated = client.v1.payment_methods.update(method, params).to_dict()
    assert (updated["card"]["exp_month"], updated["card"]["exp_year"]) == (3, 2031)
    assert (updated["billing_details"]["name"], updated["billing_details"]["address"]["country"]) == (
        "Jenny",
        "DE",
    )
    assert set(find_event(sandbox, "payment_method.updated")["previous_attributes"]) == {
        "card",
        "billing_details",
        "allow_redisplay",
        "metadata",
    }
    for wrong in ({"exp_month": 13}, {"exp_year": 1999}):
        with pytest.raises(stripe.CardError) as refused:
            client.v1.payment_methods.update(method, {"card": wrong})  # type: ignore[arg-type]
        assert str(refused.value.code).startswith("invalid_expiry_")
    client.v1.payment_methods.detach(method)
    with pytest.raises(stripe.InvalidRequestError, match="must attach this PaymentMethod"):
        client.v1.payment_methods.update(method, {"metadata": {"note": "2"}})


def test_a_control_replaces_the_default_card(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    first = sandbox.replace_card(customer)["payment_method"]["id"]
    second = sandbox.replace_card(customer, "4000000000000341")
    assert second["payment_method"]["card"]["last4"] == "0341"
    assert second["customer"]["invoice_settings"]["default_payment_method"] == second["payment_method"]["id"]
    assert client.v1.payment_methods.retrieve(first).customer is None
    assert list_event_types(sandbox)[-3:] == [
        "payment_method.attached",
        "customer.updated",
        "payment_method.detached",
    ]


def test_a_control_renews_a_card(sandbox: Sandbox, customer: str) -> None:
    method = sandbox.replace_card(customer)["payment_method"]["id"]
    assert sandbox.set_expiry(method, 7, 2029)["card"]["exp_year"] == 2029
    told = find_event(sandbox, "payment_method.automatically_updated")
    assert (told["object"]["card"]["exp_month"], told["previous_attributes"]["card"]["exp_month"]) == (7, 12)


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("customers/cus_none/card", {"card": "4242424242424242"}, 404),
        ("customers/cus_none/card", {"card": "4242424242424241"}, 400),
        ("customers/cus_none/card", {}, 400),
        ("payment_methods/pm_none/expiry", {"exp_month": 1, "exp_year": 2030}, 404),
        ("payment_methods/pm_none/expiry", {"exp_month": 13, "exp_year": 2030}, 400),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(
    sandbox: Sandbox, path: str, order: dict[str, Any], status: int
) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=order, timeout=5)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})


def test_a_customers_cards_need_the_permission_for_cards(sandbox: Sandbox, customer: str) -> None:
    key = "rk_test_" + "c" * 24
    sandbox.restrict_key(key, "customer_write")
    with pytest.raises(stripe.PermissionError, match="rak_payment_method_read"):
        connect(sandbox, key).v1.customers.payment_methods.list(customer)
    sandbox.restrict_key(key, "payment_method_read")
    assert connect(sandbox, key).v1.customers.payment_methods.list(customer).data == []
