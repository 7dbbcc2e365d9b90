"""Checkouts with a customer: saved cards offered, new ones saved, and sessions that only save a card."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import PAID, MakeSession, connect, find_event, list_event_types, list_events_of
from tests.support.sandbox import Sandbox

SAVING: dict[str, Any] = {"saved_payment_method_options": {"payment_method_save": "enabled"}}
FORM = {"email": "other@shop.test", "card_number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
ADDRESS = {"line1": "1 High St", "postal_code": "10115", "city": "Berlin", "country": "DE"}


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "jenny@shop.test", "name": "Jenny"}).id


def make_setup(client: stripe.StripeClient, **params: Any) -> stripe.checkout.Session:
    defaults: dict[str, Any] = {"mode": "setup", "currency": "usd", "success_url": "http://shop.test/done"}
    return client.v1.checkout.sessions.create({**defaults, **params})  # type: ignore[arg-type]


def submit(session: stripe.checkout.Session, **fields: str) -> requests.Response:
    return requests.post(str(session.url), data={**FORM, **fields}, allow_redirects=False, timeout=10)


def cards_of(client: stripe.StripeClient, customer: str) -> list[stripe.PaymentMethod]:
    return client.v1.payment_methods.list({"customer": customer}).data


def test_a_ticked_box_saves_the_card_and_an_unticked_one_does_not(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    session = make_session(customer=customer, **SAVING)
    shown = requests.get(str(session.url), timeout=5).text
    assert '<input type="checkbox" name="save" id="save">' in shown
    assert submit(session).status_code == 303
    assert cards_of(client, customer) == []
    (method,) = sandbox.objects("payment_method")
    assert (method["customer"], method["billing_details"]["email"]) == (None, "jenny@shop.test")
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        client.v1.payment_methods.attach(method["id"], {"customer": customer})
    assert submit(make_session(customer=customer, **SAVING), save="on").status_code == 303
    (saved,) = cards_of(client, customer)
    assert saved.allow_redisplay == "always"
    assert list_event_types(sandbox)[-5:] == [PAID[0], "payment_method.attached", *PAID[1:]]


def test_the_box_is_there_only_if_asked_for(
    sandbox: Sandbox, make_session: MakeSession, customer: str
) -> None:
    session = make_session(customer=customer)
    assert 'id="save"' not in requests.get(str(session.url), timeout=5).text
    order: dict[str, Any] = {"card": "4242424242424242", "save": True}
    address = f"{sandbox.url}/_sandbox/checkout/sessions/{session.id}/pay"
    assert requests.post(address, json=order, timeout=5).status_code == 409
    assert sandbox.objects("payment_intent") == []


def test_a_guest_who_saves_the_card_becomes_a_customer(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session(**SAVING)
    sandbox.pay(session.id, "4000000000000002")
    paid = sandbox.pay(session.id, "4000002500003155", save=True, email="ada@shop.test")
    customer = paid["session"]["customer"]
    assert paid["payment_intent"]["customer"] == customer
    (saved,) = cards_of(client, customer)
    assert saved.card is not None
    assert saved.card.last4 == "3155"


def test_a_saved_card_is_offered_and_pays_by_itself(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    card = sandbox.replace_card(customer)["payment_method"]["id"]
    session = make_session(customer=customer)
    page = requests.get(str(session.url), timeout=5).text
    assert "Visa •••• 4242" in page
    assert "New card" in page
    assert submit(session, method=card, card_number="", expiry="", cvc="").status_code == 303
    intent = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]}).to_dict()
    assert (intent["payment_status"], intent["payment_intent"]["payment_method"]) == ("paid", card)
    limited = make_session(
        customer=customer, saved_payment_method_options={"allow_redisplay_filters": ["limited"]}
    )
    assert "4242" not in requests.get(str(limited.url), timeout=5).text.partition("Test cards")[0]
    gone = make_session(customer=customer)
    client.v1.payment_methods.detach(card)
    refused = submit(gone, method=card)
    assert (refused.status_code, "no longer available" in refused.text) == (422, True)


def test_a_saved_card_can_be_declined_and_can_ask_for_authentication(
    sandbox: Sandbox, make_session: MakeSession, customer: str
) -> None:
    session = make_session(customer=customer)
    declining = sandbox.replace_card(customer, "4000000000000341")["payment_method"]["id"]
    assert submit(session, method=declining).headers["Location"] == session.url
    assert "Your card was declined." in requests.get(str(session.url), timeout=5).text
    asking = sandbox.replace_card(customer, "4000002760003184")["payment_method"]["id"]
    assert submit(session, method=asking).headers["Location"] == f"{session.url}/authenticate"


def test_a_customer_gets_the_name_and_address_only_if_asked_for(
    client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    asking: Any = {"customer": customer, "billing_address_collection": "required"}
    session = make_session(**asking)
    assert submit(session, name="J. Doe").status_code == 422
    assert submit(session, name="J. Doe", **ADDRESS).status_code == 303
    kept = client.v1.customers.retrieve(customer).to_dict()
    assert (kept["name"], kept["address"], kept["email"]) == ("Jenny", None, "jenny@shop.test")
    invoiced = make_session(
        **asking,
        customer_update={"name": "auto", "address": "auto"},
        tax_id_collection={"enabled": True},
        invoice_creation={"enabled": True},
    )
    assert submit(invoiced, name="J. Doe", tax_id="DE123456789", **ADDRESS).status_code == 303
    changed = client.v1.customers.retrieve(customer).to_dict()
    assert (changed["name"], changed["address"]["city"]) == ("J. Doe", "Berlin")
    done = client.v1.checkout.sessions.retrieve(invoiced.id, {"expand": ["invoice"]}).to_dict()
    assert done["customer_details"]["tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    assert done["invoice"]["customer_tax_ids"] == done["customer_details"]["tax_ids"]
    assert done["invoice"]["customer_address"]["country"] == "DE"


@pytest.mark.parametrize(
    ("params", "param", "message"),
    [
        ({"customer": "cus_none"}, "customer", "No such customer: 'cus_none'"),
        ({"customer_update": {"name": "auto"}}, "customer_update", "can only be used with"),
        (
            {**SAVING, "payment_intent_data": {"setup_future_usage": "off_session"}},
            "payment_intent_data[setup_future_usage]",
            "payment_method_save",
        ),
        (
            {"saved_payment_method_options": {"payment_method_remove": "enabled"}},
            "saved_payment_method_options[payment_method_remove]",
            "doesn't support",
        ),
        ({"customer_update": {"shipping": "auto"}}, "customer_update[shipping]", "doesn't support"),
        (
            {"tax_id_collection": {"enabled": True, "required": "if_supported"}},
            "tax_id_collection[required]",
            "doesn't support",
        ),
        ({"setup_intent_data": {"description": "x"}}, "setup_intent_data", "in `payment` mode"),
    ],
)
def test_a_checkout_that_stripe_refuses_is_refused(
    make_session: MakeSession, params: Any, param: str, message: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
        make_session(**params)
    assert refused.value.param == param


def test_a_customer_who_was_deleted_is_refused(
    client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    tax: Any = {"customer": customer, "tax_id_collection": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError, match=r"customer_update\[name\]"):
        make_session(**tax)
    client.v1.customers.delete(customer)
    for mode in ("payment", "setup"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            make_session(customer=customer) if mode == "payment" else make_setup(client, customer=customer)
        assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


def test_a_setup_session_saves_a_card_and_takes_no_payment(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    params: Any = {"customer": customer, "setup_intent_data": {"metadata": {"account": "7"}}}
    session = make_setup(client, **params)
    assert (session.mode, session.payment_status, session.amount_total) == (
        "setup",
        "no_payment_required",
        None,
    )
    page = requests.get(str(session.url), timeout=5).text
    assert "Save card" in page
    assert "Bank debit" not in page
    assert submit(session).headers["Location"] == "http://shop.test/done"
    assert list_event_types(sandbox)[1:] == [
        "setup_intent.created",
        "setup_intent.succeeded",
        "payment_method.attached",
        "checkout.session.completed",
    ]
    told = find_event(sandbox, "checkout.session.completed")["object"]
    assert (told["setup_intent"], told["payment_intent"], told["payment_status"]) == (
        session.setup_intent,
        None,
        "no_payment_required",
    )
    intent = client.v1.setup_intents.retrieve(
        str(session.setup_intent), {"expand": ["payment_method"]}
    ).to_dict()
    assert (intent["status"], intent["metadata"]) == ("succeeded", {"account": "7"})
    assert (intent["payment_method"]["customer"], intent["payment_method"]["allow_redisplay"]) == (
        customer,
        "always",
    )
    assert [found.id for found in client.v1.setup_intents.list({"customer": customer}).data] == [intent["id"]]
    key = "rk_test_" + "s" * 24
    sandbox.restrict_key(key, "payment_intent_read")
    with pytest.raises(stripe.PermissionError, match="rak_setup_intent_read"):
        connect(sandbox, key).v1.setup_intents.retrieve(intent["id"])


@pytest.mark.parametrize("passed", [True, False])
def test_setting_up_can_ask_for_authentication(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str, passed: bool
) -> None:
    session = make_setup(client, customer=customer)
    step = submit(session, card_number="4000002500003155").headers["Location"]
    assert step == f"{session.url}/authenticate"
    assert "this card may be saved" in requests.get(step, timeout=5).text
    answer = {"answer": "complete" if passed else "fail"}
    assert requests.post(step, data=answer, allow_redirects=False, timeout=5).status_code == 303
    ending = "succeeded" if passed else "setup_failed"
    assert list_events_of(sandbox, "setup_intent.")[1:] == [
        "setup_intent.requires_action",
        f"setup_intent.{ending}",
    ]
    assert len(cards_of(client, customer)) == passed
    if not passed:
        error = find_event(sandbox, "setup_intent.setup_failed")["object"]["last_setup_error"]
        assert error["code"] == "setup_intent_authentication_failure"
        assert "authentication failed" in requests.get(str(session.url), timeout=5).text


def test_setting_up_a_declined_card_fails_unless_its_bank_lets_it_be_saved(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    session = make_setup(client, customer=customer)
    declined = sandbox.pay(session.id, "4000000000009979")
    assert (declined["outcome"], declined["decline_code"]) == ("declined", "stolen_card")
    assert cards_of(client, customer) == []
    saved = sandbox.pay(session.id, "4000000000000341")
    assert (saved["outcome"], saved["session"]["status"]) == ("succeeded", "complete")
    assert len(cards_of(client, customer)) == 1


def test_nothing_is_saved_for_a_customer_who_was_deleted_meanwhile(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    sessions = [make_session(customer=customer, **SAVING).id, make_setup(client, customer=customer).id]
    client.v1.customers.delete(customer)
    assert [sandbox.pay(session, save=True)["outcome"] for session in sessions] == ["succeeded"] * 2
    assert [method["customer"] for method in sandbox.objects("payment_method")] == [None, None]
    assert list_events_of(sandbox, "payment_method.attached") == []


def test_an_expired_setup_session_cancels_its_intent(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    session = make_setup(client)
    sandbox.expire(session.id)
    assert client.v1.setup_intents.retrieve(str(session.setup_intent)).status == "canceled"
    assert list_event_types(sandbox)[-2:] == ["setup_intent.canceled", "checkout.session.expired"]
    for control in ("settle", "discount", "pay_again"):
        address = f"{sandbox.url}/_sandbox/checkout/sessions/{session.id}/{control}"
        assert requests.post(address, json={}, timeout=5).status_code == 409


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"currency": ""}, "currency"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items"),
        (SAVING, "saved_payment_method_options"),
        ({"payment_method_types": ["sepa_debit"]}, "payment_method_types"),
        ({"currency": "zzz"}, "currency"),
    ],
)
def test_a_setup_session_refuses_what_only_payments_have(
    client: stripe.StripeClient, params: Any, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make_setup(client, **params)
    assert refused.value.param == param


def test_a_setup_session_needs_a_currency_or_types(client: stripe.StripeClient) -> None:
    base: Any = {"mode": "setup", "success_url": "http://shop.test/done"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(base)
    assert (refused.value.code, refused.value.param) == ("parameter_missing", "currency")
    base["payment_method_types"] = ["card"]
    made = client.v1.checkout.sessions.create(base)
    assert made.currency is None
