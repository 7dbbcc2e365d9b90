"""What happens, in which order, when a buyer pays: the events, and the objects they leave behind."""

from __future__ import annotations

import pytest
import requests
import stripe

from tests.sandbox.calling import PAID, MakeSession, find_event, list_event_types
from tests.support.sandbox import Sandbox

DECLINES = [
    ("4000000000000002", "card_declined", "generic_decline"),
    ("4000000000009995", "card_declined", "insufficient_funds"),
    ("4000000000000069", "expired_card", "expired_card"),
    ("4000000000000077", "expired_card", "expired_card"),
    ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
]


def test_a_card_that_pays_completes_the_session(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session(payment_intent_data={"metadata": {"purchase": "7"}}, metadata={"shop": "1"})
    assert session.payment_intent is None
    assert list_event_types(sandbox) == []

    answer = sandbox.pay(session.id)

    assert answer["outcome"] == "succeeded"
    assert list_event_types(sandbox) == ["payment_intent.created", *PAID]
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert paid.payment_intent.metadata["purchase"] == "7"
    assert "shop" not in paid.payment_intent.metadata
    assert isinstance(paid.payment_intent.latest_charge, stripe.Charge)
    assert paid.payment_intent.latest_charge.amount == 4500


def test_the_balance_transaction_follows_the_charge(sandbox: Sandbox, make_session: MakeSession) -> None:
    sandbox.pay(make_session().id)
    assert find_event(sandbox, "charge.succeeded")["object"]["balance_transaction"] is None
    updated = find_event(sandbox, "charge.updated")
    assert updated["previous_attributes"] == {"balance_transaction": None}
    (transaction,) = sandbox.objects("balance_transaction")
    assert updated["object"]["balance_transaction"] == transaction["id"]
    assert transaction["net"] == transaction["amount"] - transaction["fee"]


def test_a_customer_is_created_only_when_the_session_asks_for_one(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    guest = sandbox.pay(make_session().id)["session"]
    assert guest["customer"] is None
    answer = sandbox.pay(make_session(customer_creation="always", customer_email="jenny@shop.test").id)
    (customer,) = sandbox.objects("customer")
    assert customer["email"] == "jenny@shop.test"
    assert answer["session"]["customer"] == answer["payment_intent"]["customer"] == customer["id"]
    assert list_event_types(sandbox)[5:] == ["customer.created", "payment_intent.created", *PAID]


@pytest.mark.parametrize(("card", "code", "decline_code"), DECLINES)
def test_a_declined_card_leaves_the_session_open(
    sandbox: Sandbox, make_session: MakeSession, card: str, code: str, decline_code: str
) -> None:
    answer = sandbox.pay(make_session().id, card)
    assert (answer["outcome"], answer["code"], answer["decline_code"]) == ("declined", code, decline_code)
    assert answer["session"]["status"] == "open"
    assert answer["payment_intent"]["status"] == "requires_payment_method"
    assert answer["payment_intent"]["last_payment_error"]["decline_code"] == decline_code
    expected = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert list_event_types(sandbox) == expected


def test_another_card_may_follow_on_the_same_payment_intent(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    session = make_session()
    declined = sandbox.pay(session.id, "4000000000000002")
    paid = sandbox.pay(session.id)
    assert paid["payment_intent"]["id"] == declined["payment_intent"]["id"]
    assert paid["payment_intent"]["last_payment_error"] is None
    assert list_event_types(sandbox)[3:] == PAID


def test_an_unknown_card_is_declined_with_the_names_of_those_that_work(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    answer = sandbox.pay(make_session().id, "5555555555554444")
    assert answer["outcome"] == "declined"
    assert "4242 4242 4242 4242" in answer["message"]


def test_3d_secure_passed_pays(sandbox: Sandbox, make_session: MakeSession) -> None:
    answer = sandbox.pay(make_session().id, "4000002500003155")
    assert answer["session"]["payment_status"] == "paid"
    assert list_event_types(sandbox) == ["payment_intent.created", "payment_intent.requires_action", *PAID]


def test_3d_secure_failed_makes_no_charge(sandbox: Sandbox, make_session: MakeSession) -> None:
    answer = sandbox.pay(make_session().id, "4000002500003155", authenticate=False)
    assert (answer["outcome"], answer["code"]) == ("declined", "payment_intent_authentication_failure")
    assert answer["session"]["status"] == "open"
    assert sandbox.objects("charge") == []
    expected = ["payment_intent.created", "payment_intent.requires_action", "payment_intent.payment_failed"]
    assert list_event_types(sandbox) == expected


def test_a_delayed_payment_completes_the_session_unpaid_and_settles_later(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    session = make_session()
    pending = sandbox.pay_later(session.id)
    assert (pending["outcome"], pending["session"]["payment_status"]) == ("processing", "unpaid")
    assert pending["session"]["status"] == "complete"
    started = ["payment_intent.created", "payment_intent.processing", "charge.pending"]
    assert list_event_types(sandbox) == [*started, "checkout.session.completed"]

    settled = sandbox.settle(session.id)

    assert settled["session"]["payment_status"] == "paid"
    assert list_event_types(sandbox)[4:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
        "charge.updated",
    ]


def test_a_delayed_payment_can_fail(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session()
    sandbox.pay_later(session.id)
    failed = sandbox.fail(session.id)
    assert (failed["outcome"], failed["session"]["payment_status"]) == ("declined", "unpaid")
    (charge,) = sandbox.objects("charge")
    assert (charge["status"], charge["paid"]) == ("failed", False)
    assert list_event_types(sandbox)[4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


def test_an_expired_session_says_so_and_cannot_be_paid_or_expired_again(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    expired = client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert list_event_types(sandbox) == ["checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.v1.checkout.sessions.expire(session.id)
    address = f"{sandbox.url}/_sandbox/checkout/sessions/{session.id}/pay"
    refused = requests.post(address, json={}, timeout=5)
    assert (refused.status_code, refused.json()) == (409, {"error": "the session is expired, not open"})


def test_sessions_expire_by_the_sandbox_clock(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    sandbox.post("/_sandbox/clock", {"advance_s": 24 * 60 * 60 - 60})
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    sandbox.post("/_sandbox/clock", {"advance_s": 60})
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert list_event_types(sandbox) == ["checkout.session.expired"]


def test_a_free_session_completes_without_a_payment(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    price = {"currency": "usd", "unit_amount": 0, "product_data": {"name": "Trial"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}])
    assert session.payment_status == "no_payment_required"
    answer = sandbox.pay(session.id)
    assert answer["payment_intent"] is None
    assert answer["session"]["payment_status"] == "no_payment_required"
    assert list_event_types(sandbox) == ["checkout.session.completed"]


def test_an_event_names_the_request_that_caused_it(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "pack-1"})
    (event,) = client.v1.events.list({"type": "product.*"}).data
    assert product.last_response is not None
    cause = {"id": product.last_response.request_id, "idempotency_key": "pack-1"}
    assert event.to_dict()["request"] == cause
    assert event.api_version == stripe.api_version
