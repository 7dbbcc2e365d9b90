"""What Stripe refuses the sandbox refuses too: amounts, currencies, lengths, headers, archiving what is needed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import API_KEY, MakeSession, Pay, connect
from tests.support.sandbox import Sandbox

DASHES = "-" * 201


def item(amount: int, currency: str = "usd", **data: Any) -> dict[str, Any]:
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Pack"}, **data}
    return {"price_data": price, "quantity": 1}


def refusal(
    call: Any, *arguments: Any, **named: Any
) -> tuple[int | None, str | None, str | None, str | None]:
    """The status, code, param and message with which Stripe's own client is refused."""
    with pytest.raises(stripe.StripeError) as refused:
        call(*arguments, **named)
    error = refused.value.error
    assert error is not None
    return refused.value.http_status, error.code, error.param, error.message


# --- Amounts and currencies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "least"),
    [
        (49, "usd", "$0.50 usd"),
        (29, "gbp", "£0.30 gbp"),
        (49, "jpy", "¥50 jpy"),
        (1499, "czk", "CZK 15.00 czk"),
    ],
)
def test_a_total_under_the_minimum_of_its_currency_is_refused(
    make_session: MakeSession, amount: int, currency: str, least: str
) -> None:
    message = f"The Checkout Session's total amount due must add up to at least {least}"
    assert refusal(make_session, line_items=[item(amount, currency)]) == (
        400,
        "amount_too_small",
        None,
        message,
    )
    assert make_session(line_items=[item(amount + 1, currency)]).amount_total == amount + 1
    assert make_session(line_items=[item(0, currency)]).payment_status == "no_payment_required"


def test_a_total_over_the_maximum_is_refused_and_so_is_a_price(
    client: stripe.StripeClient, make_session: MakeSession
) -> None:
    most = 99_999_999
    twice = [item(most), item(1)]
    message = "The Checkout Session's total amount due must be no more than $999,999.99."
    assert refusal(make_session, line_items=twice) == (400, "amount_too_large", None, message)
    assert make_session(line_items=[item(most)]).amount_total == most
    product = client.v1.products.create({"name": "Pack"}).id
    price = {"product": product, "currency": "usd", "unit_amount": most + 1}
    status, code, param, _ = refusal(client.v1.prices.create, price)
    assert (status, code, param) == (400, "parameter_invalid_integer", "unit_amount")


def test_a_currency_that_stripe_does_not_charge_in_is_refused(
    client: stripe.StripeClient, make_session: MakeSession
) -> None:
    product = client.v1.products.create({"name": "Pack"}).id
    price = {"product": product, "currency": "zzz", "unit_amount": 4500}
    status, code, param, message = refusal(client.v1.prices.create, price)
    assert (status, code, param) == (400, None, "currency")
    assert str(message).startswith(
        "Invalid currency: zzz. Stripe currently supports these currencies: usd, aed,"
    )
    inline = refusal(make_session, line_items=[item(4500, "eu")])
    assert inline[:3] == (400, None, "line_items[0][price_data][currency]")


@pytest.mark.parametrize(
    ("currency", "amount", "step"), [("kwd", 12_345, 10), ("isk", 15_050, 100), ("ugx", 1, 100)]
)
def test_an_amount_finer_than_its_currency_is_refused(
    make_session: MakeSession, currency: str, amount: int, step: int
) -> None:
    status, code, param, message = refusal(make_session, line_items=[item(amount, currency)])
    assert (status, code) == (400, "parameter_invalid_integer")
    assert param == "line_items[0][price_data][unit_amount]"
    assert message == f"Invalid amount: amounts in {currency} must be evenly divisible by {step}."


def test_a_refund_finer_than_its_currency_is_refused(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session(line_items=[item(50_000, "isk")])
    intent = sandbox.pay(session.id)["payment_intent"]["id"]
    order = {"payment_intent": intent, "amount": 150}
    assert refusal(client.v1.refunds.create, order)[:3] == (400, "parameter_invalid_integer", "amount")
    assert client.v1.refunds.create({"payment_intent": intent, "amount": 200}).amount == 200


# --- Lengths and numbers --------------------------------------------------------------------------------------------


def test_more_than_a_hundred_line_items_are_refused(make_session: MakeSession) -> None:
    assert make_session(line_items=[item(50)] * 100).amount_total == 5000
    assert refusal(make_session, line_items=[item(50)] * 101)[0::2] == (400, "line_items")


@pytest.mark.parametrize(
    ("params", "param", "message"),
    [
        (
            {"client_reference_id": DASHES},
            "client_reference_id",
            "Invalid string: ----------...----------; must be at most 200 characters",
        ),
        (
            {"payment_intent_data": {"statement_descriptor": "COCALC LICENSE 1096DAYS"}},
            "payment_intent_data[statement_descriptor]",
            "The statement descriptor must be at most 22 characters. COCALC LICENSE 1096DAYS is 23 characters long.",
        ),
        (
            {"success_url": f"http://shop.test/{'x' * 5000}"},
            "success_url",
            "Invalid URL: URL must be 5000 characters or less.",
        ),
    ],
    ids=["reference", "statement", "address"],
)
def test_a_text_that_is_too_long_is_refused(
    make_session: MakeSession, params: dict[str, Any], param: str, message: str
) -> None:
    assert refusal(make_session, **params) == (400, None, param, message)


def test_a_text_that_just_fits_is_kept(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    assert make_session(client_reference_id=DASHES[1:]).client_reference_id == DASHES[1:]
    assert (
        client.v1.products.create({"name": "Pack", "description": "x" * 40_000}).description == "x" * 40_000
    )
    client.v1.customers.create({"metadata": {"phone": "x" * 500}})
    (customer,) = sandbox.objects("customer")
    assert customer["metadata"] == {"phone": "x" * 500}


# --- Headers --------------------------------------------------------------------------------------------------------


def call(sandbox: Sandbox, **headers: str) -> requests.Response:
    form = {"name": "Pack"}
    return requests.post(
        f"{sandbox.url}/v1/products", data=form, auth=(API_KEY, ""), headers=headers, timeout=10
    )


def test_a_version_that_stripe_never_had_is_refused(sandbox: Sandbox) -> None:
    refused = call(sandbox, **{"Stripe-Version": "2026-08-27.dahlia"})
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "Invalid Stripe API version: 2026-08-27.dahlia"
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert call(sandbox, **{"Stripe-Version": "2024-06-20"}).status_code == 200
    assert len(sandbox.objects("product")) == 1


def test_an_idempotency_key_over_255_characters_is_refused(sandbox: Sandbox) -> None:
    assert call(sandbox, **{"Idempotency-Key": "k" * 256}).status_code == 400
    assert sandbox.objects("product") == []
    assert call(sandbox, **{"Idempotency-Key": "k" * 255}).status_code == 200


def test_another_account_is_refused_by_header_as_by_path(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    message = (
        f"The provided key 'sk_test_{'*' * 20}aaaa' does not have access to account 'acct_other' (or that account does"
        " not exist). Application access may have been revoked."
    )
    expected = (403, "account_invalid", None, message)
    foreign = {"stripe_account": "acct_other"}
    assert refusal(client.v1.products.create, {"name": "Pack"}, foreign) == expected
    assert refusal(client.v1.accounts.retrieve, "acct_other") == expected
    own = client.v1.accounts.retrieve_current().id
    assert client.v1.products.create({"name": "Pack"}, {"stripe_account": own}).name == "Pack"


@pytest.mark.parametrize("key", ["", "sk_test_short", "rk_test_" + "n" * 24])
def test_a_401_says_how_to_sign_in(sandbox: Sandbox, key: str) -> None:
    answer = requests.get(f"{sandbox.url}/v1/products", auth=(key, ""), timeout=10)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="Stripe"')


# --- What is needed can't be archived; what an account may not ------------------------------------------------------


def test_the_default_price_of_a_product_cannot_be_archived(client: stripe.StripeClient) -> None:
    price_data: Any = {"currency": "usd", "unit_amount": 4500}
    product = client.v1.products.create({"name": "Pack", "default_price_data": price_data})
    first = str(product.default_price)
    message = "This price cannot be archived because it is the default price of its product."
    assert refusal(client.v1.prices.update, first, {"active": False}) == (400, None, None, message)
    other = client.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 5000}).id
    client.v1.products.update(product.id, {"default_price": other})
    assert client.v1.prices.update(first, {"active": False}).active is False
    refused = refusal(client.v1.products.update, product.id, {"default_price": first})
    assert refused[:3] == (400, None, "default_price")


def test_an_account_that_may_not_charge_opens_no_live_checkout(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    sandbox.set_account(charges_enabled=False)
    assert connect(sandbox).v1.accounts.retrieve_current().charges_enabled is False
    assert make_session().status == "open"
    sandbox.set_account(livemode=True)
    assert refusal(make_session)[:2] == (400, "testmode_charges_only")


# --- Objects have the fields that Stripe's have ---------------------------------------------------------------------


def test_an_authenticated_charge_says_so_and_no_other_does(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, pay: Pay
) -> None:
    session = make_session()
    sandbox.pay(session.id, "4000002500003155", authenticate=True)
    (charge,) = sandbox.objects("charge")
    card = charge["payment_method_details"]["card"]
    secure = card["three_d_secure"]
    uuid.UUID(secure.pop("transaction_id"))
    assert secure == {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "version": "2.2.0",
    }
    (told,) = [event for event in sandbox.objects("event") if event["type"] == "charge.succeeded"]
    assert (
        told["data"]["object"]["payment_method_details"]["card"]["three_d_secure"]["result"]
        == "authenticated"
    )
    assert card["overcapture"] == {"maximum_amount_capturable": 4500, "status": "unavailable"}
    plain = client.v1.charges.retrieve(pay()).to_dict()
    assert plain["payment_method_details"]["card"]["three_d_secure"] is None


def test_fields_that_stripe_took_away_are_gone(sandbox: Sandbox, make_session: MakeSession) -> None:
    sandbox.pay_later(make_session(invoice_creation={"enabled": True}, customer_email="jenny@shop.test").id)
    sandbox.settle(sandbox.objects("checkout.session")[0]["id"])
    (method,) = sandbox.objects("payment_method")
    (invoice,) = sandbox.objects("invoice")
    assert "generated_from" not in method["sepa_debit"]
    assert "subscription" not in invoice
