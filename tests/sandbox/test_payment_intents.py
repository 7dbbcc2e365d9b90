"""Payment intents by the API: charging a saved card with the buyer present, and without."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import stripe

from tests.sandbox.calling import (
    BY_INTENT,
    MakeSession,
    connect,
    find_event,
    list_event_types,
    list_events_of,
)
from tests.support.sandbox import Sandbox

RETURN = "http://shop.test/back?purchase=7"
OFF_SESSION: dict[str, Any] = {"confirm": True, "off_session": True}
ON_SESSION: dict[str, Any] = {"confirm": True, "return_url": RETURN}
FAILED = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


@pytest.fixture
def customer(client: stripe.StripeClient) -> str:
    return client.v1.customers.create({"email": "jenny@shop.test"}).id


def charge(
    client: stripe.StripeClient, customer: str, card: str, key: str | None = None, **params: Any
) -> stripe.PaymentIntent:
    order: dict[str, Any] = {
        "amount": 2000,
        "currency": "usd",
        "customer": customer,
        "payment_method": card,
        "payment_method_types": ["card"],
        **params,
    }
    options: Any = {"idempotency_key": key} if key else {}
    return client.v1.payment_intents.create(order, options)  # type: ignore[arg-type]


def decline(
    client: stripe.StripeClient, customer: str, card: str, key: str | None = None, **params: Any
) -> dict[str, Any]:
    """The error of a charge that is declined."""
    with pytest.raises(stripe.CardError) as declined:
        charge(client, customer, card, key, **params)
    assert declined.value.http_status == 402
    error: dict[str, Any] = declined.value.json_body["error"]  # type: ignore[index]
    assert error["type"] == "card_error"
    return error


def save(sandbox: Sandbox, customer: str, card: str = "4242424242424242") -> str:
    return str(sandbox.replace_card(customer, card)["payment_method"]["id"])


def test_a_saved_card_is_charged_off_session(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card, before = save(sandbox, customer), len(list_event_types(sandbox))
    params: Any = {"metadata": {"purchase": "7"}, "description": "A pack", "receipt_email": "j@shop.test"}
    intent = charge(client, customer, card, **OFF_SESSION, **params, statement_descriptor_suffix="PACK")
    assert (intent.status, intent.amount_received, intent.payment_method) == ("succeeded", 2000, card)
    assert list_event_types(sandbox)[before:] == BY_INTENT
    paid = client.v1.charges.retrieve(str(intent.latest_charge)).to_dict()
    assert (paid["customer"], paid["metadata"], paid["statement_descriptor_suffix"]) == (
        customer,
        {"purchase": "7"},
        "PACK",
    )
    again = charge(client, customer, card, **OFF_SESSION)
    assert again.id != intent.id
    listed = client.v1.payment_intents.list({"customer": customer, "created": {"gte": intent.created}})
    assert [found.id for found in listed.data] == [again.id, intent.id]
    assert client.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"


@pytest.mark.parametrize(
    ("number", "code", "decline_code", "advice"),
    [
        ("4000000000000341", "card_declined", "generic_decline", "try_again_later"),
        ("4000000000009995", "card_declined", "insufficient_funds", "try_again_later"),
        ("4000000000009979", "card_declined", "stolen_card", "do_not_try_again"),
        ("4000000000009987", "card_declined", "lost_card", "do_not_try_again"),
        ("4000000000000069", "expired_card", "expired_card", "do_not_try_again"),
        (
            "4000002760003184",
            "authentication_required",
            "authentication_required",
            "try_again_later",
        ),
        (
            "4000002500003155",
            "authentication_required",
            "authentication_required",
            "try_again_later",
        ),
    ],
)
def test_an_off_session_decline_is_a_402_with_its_intent(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    customer: str,
    number: str,
    code: str,
    decline_code: str,
    advice: str,
) -> None:
    card, before = save(sandbox, customer, number), len(list_event_types(sandbox))
    error = decline(client, customer, card, **OFF_SESSION)
    assert (error["code"], error["decline_code"], error["advice_code"]) == (code, decline_code, advice)
    intent = error["payment_intent"]
    assert (intent["status"], intent["payment_method"]) == ("requires_payment_method", None)
    assert (error["payment_method"]["id"], error["charge"]) == (card, intent["latest_charge"])
    assert intent["last_payment_error"]["decline_code"] == decline_code
    assert client.v1.payment_intents.retrieve(intent["id"]).status == "requires_payment_method"
    assert list_event_types(sandbox)[before:] == FAILED
    assert client.v1.payment_methods.retrieve(card).customer == customer


def test_a_key_is_answered_with_the_same_decline_and_charges_once(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, customer, "4000000000000341")
    first = decline(client, customer, card, "attempt-1", **OFF_SESSION)
    again = decline(client, customer, card, "attempt-1", **OFF_SESSION)
    assert again == first
    assert len(sandbox.objects("charge")) == 1
    good = save(sandbox, customer)
    paid = [charge(client, customer, good, "attempt-2", **OFF_SESSION).id for _ in range(2)]
    assert paid[0] == paid[1]
    assert len(sandbox.objects("payment_intent")) == 2


def test_a_lost_answer_is_found_by_its_key(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, customer)
    sandbox.fault(method="POST", path="/v1/payment_intents", status=None, after=True)
    with pytest.raises(stripe.APIConnectionError):
        charge(client, customer, card, "lost", **OFF_SESSION)
    (taken,) = sandbox.objects("payment_intent")
    assert charge(client, customer, card, "lost", **OFF_SESSION).id == taken["id"]
    assert len(sandbox.objects("charge")) == 1


def test_a_card_that_expires_is_declined(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, customer)
    sandbox.set_expiry(card, 1, 2020)
    assert decline(client, customer, card, **OFF_SESSION)["code"] == "expired_card"


@pytest.mark.parametrize(("answer", "status"), [("complete", "succeeded"), ("fail", "failed")])
def test_authentication_on_session_leads_to_the_bank_and_back(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str, answer: str, status: str
) -> None:
    card = save(sandbox, customer, "4000002760003184")
    intent = charge(client, customer, card, **ON_SESSION)
    assert (intent.status, intent.latest_charge) == ("requires_action", None)
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    assert intent.next_action.redirect_to_url.return_url == RETURN
    bank = str(intent.next_action.redirect_to_url.url)
    assert "the payment of <strong>$20.00</strong>" in requests.get(bank, timeout=5).text
    assert requests.get(bank[:-1], timeout=5).status_code == 404
    for _ in range(2):
        back = requests.post(bank, data={"answer": answer}, allow_redirects=False, timeout=5)
        assert back.status_code == 303
        query = parse_qs(urlsplit(back.headers["Location"]).query)
        assert query == {
            "purchase": ["7"],
            "payment_intent": [intent.id],
            "payment_intent_client_secret": [intent.client_secret],
            "redirect_status": [status],
        }
    assert list_events_of(sandbox, "payment_intent.requires_action") == ["payment_intent.requires_action"]
    now = client.v1.payment_intents.retrieve(intent.id)
    assert now.status == ("succeeded" if status == "succeeded" else "requires_payment_method")
    assert len(sandbox.objects("charge")) == (status == "succeeded")


def test_a_declined_intent_can_be_confirmed_on_session_with_the_buyer(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, customer, "4000002760003184")
    intent = decline(client, customer, card, **OFF_SESSION)["payment_intent"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.payment_intents.confirm(intent)
    params: Any = {"payment_method": card, "return_url": RETURN}
    assert client.v1.payment_intents.confirm(intent, params).status == "requires_action"
    assert client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded") as refused:
        client.v1.payment_intents.confirm(intent, params)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_a_card_once_set_up_is_let_through_off_session_and_asks_on_session(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, customer: str
) -> None:
    saving: Any = {"saved_payment_method_options": {"payment_method_save": "enabled"}}
    sandbox.pay(make_session(customer=customer, **saving).id, "4000002500003155", save=True)
    setup: Any = {"mode": "setup", "currency": "usd", "success_url": RETURN, "customer": customer}
    sandbox.pay(client.v1.checkout.sessions.create(setup).id, "4000002500003155")
    cards = client.v1.payment_methods.list({"customer": customer}).data
    assert [charge(client, customer, card.id, **OFF_SESSION).status for card in cards] == ["succeeded"] * 2
    assert charge(client, customer, cards[0].id, **ON_SESSION).status == "requires_action"


def test_an_action_can_be_refused_beforehand(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, customer, "4000002760003184")
    error = decline(client, customer, card, confirm=True, error_on_requires_action=True)
    assert error["code"] == "authentication_required"
    assert "`error_on_requires_action` was set" in error["message"]
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert sandbox.objects("charge") == []


def test_a_decline_on_session_is_a_402_as_well(client: stripe.StripeClient, customer: str) -> None:
    error = decline(client, customer, "pm_card_visa_chargeDeclinedInsufficientFunds", **ON_SESSION)
    assert error["decline_code"] == "insufficient_funds"


def test_a_method_that_isnt_the_customers_own_is_refused(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    card = save(sandbox, client.v1.customers.create({}).id)
    for params in (OFF_SESSION, {}):
        with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer") as refused:
            charge(client, customer, card, **params)
        assert (refused.value.http_status, refused.value.param) == (400, "payment_method")
    own = save(sandbox, customer)
    client.v1.payment_methods.detach(own)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        charge(client, customer, own, **OFF_SESSION)
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        charge(client, customer, "pm_none", **OFF_SESSION)
    assert (unknown.value.code, unknown.value.param) == ("resource_missing", "payment_method")
    client.v1.customers.delete(customer)
    with pytest.raises(stripe.InvalidRequestError) as deleted:
        charge(client, customer, "pm_card_visa", **OFF_SESSION)
    assert (deleted.value.code, deleted.value.param) == ("resource_missing", "customer")
    assert sandbox.objects("payment_intent") == []


def test_a_method_without_a_customer_pays_once_unless_it_is_saved(
    client: stripe.StripeClient, customer: str
) -> None:
    once = str(charge(client, customer, "pm_card_visa", **OFF_SESSION).payment_method)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        charge(client, customer, once, **OFF_SESSION)
    kept = charge(client, customer, "pm_card_visa", **OFF_SESSION, setup_future_usage="off_session")
    assert charge(client, customer, str(kept.payment_method), **OFF_SESSION).status == "succeeded"


def test_an_intent_is_created_updated_confirmed_and_canceled_in_steps(
    sandbox: Sandbox, client: stripe.StripeClient, customer: str
) -> None:
    intents = client.v1.payment_intents
    card = save(sandbox, customer)
    intent = intents.create({"amount": 2000, "currency": "USD"})
    assert (intent.status, intent.currency) == ("requires_payment_method", "usd")
    automatic = intent.to_dict()["automatic_payment_methods"]
    assert automatic == {"allow_redirects": "always", "enabled": True}
    params: Any = {"amount": 2500, "customer": customer, "payment_method": card, "metadata": {"a": "1"}}
    updated = intents.update(intent.id, params)
    assert (updated.status, updated.amount, updated.customer) == ("requires_confirmation", 2500, customer)
    with pytest.raises(stripe.InvalidRequestError, match="must provide a `return_url`"):
        intents.confirm(intent.id)
    paid = intents.confirm(intent.id, {"return_url": RETURN, "expand": ["latest_charge"]}).to_dict()
    assert (paid["status"], paid["latest_charge"]["amount"]) == ("succeeded", 2500)
    with pytest.raises(stripe.InvalidRequestError, match="amount could not be updated"):
        intents.update(intent.id, {"amount": 1000})
    merged = intents.update(intent.id, {"metadata": {"b": "2"}}).to_dict()
    assert merged["metadata"] == {"a": "1", "b": "2"}
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        intents.cancel(intent.id)
    other = charge(client, customer, card)
    canceled = intents.cancel(other.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert find_event(sandbox, "payment_intent.canceled")["object"]["canceled_at"] is not None
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        intents.confirm(other.id)
    with pytest.raises(stripe.InvalidRequestError, match="cannot modify `customer`"):
        intents.update(charge(client, customer, card).id, {"customer": client.v1.customers.create({}).id})


def test_a_checkouts_intent_is_its_own(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    declined = sandbox.pay(make_session().id, "4000000000000002")["payment_intent"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session instead"):
        client.v1.payment_intents.cancel(declined)
    with pytest.raises(stripe.InvalidRequestError, match="created by a Checkout Session"):
        client.v1.payment_intents.confirm(declined, {"payment_method": "pm_card_visa"})


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"off_session": True}, None, "off_session"),
        ({"return_url": RETURN}, None, "return_url"),
        ({"confirm": True, "return_url": "back"}, "url_invalid", "return_url"),
        ({"payment_method_types": ["ideal"]}, None, "payment_method_types"),
        ({"automatic_payment_methods": {"enabled": True}}, None, None),
        ({"capture_method": "manual"}, None, "capture_method"),
        ({"confirm": True, "off_session": "sometimes"}, None, "off_session"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"receipt_email": "jenny"}, "email_invalid", "receipt_email"),
        ({"statement_descriptor_suffix": "x" * 23}, None, "statement_descriptor_suffix"),
    ],
)
def test_an_intent_that_makes_no_sense_is_refused(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    customer: str,
    params: dict[str, Any],
    code: str | None,
    param: str | None,
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        charge(client, customer, "pm_card_visa", **params)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert sandbox.objects("payment_intent") == []


def test_charging_needs_its_permission(sandbox: Sandbox, customer: str) -> None:
    key = "rk_test_" + "p" * 24
    sandbox.restrict_key(key, "payment_intent_read", "customer_write")
    with pytest.raises(stripe.PermissionError, match=re.escape("'rak_payment_intent_write'")):
        charge(connect(sandbox, key), customer, "pm_card_visa", **OFF_SESSION)
