"""What a session sold paid a second time, and sessions that a promotion code makes cheaper or free."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import BY_INTENT, PAID, MakeSession, list_event_types
from tests.support.sandbox import Sandbox

METADATA = {"purchase": "7"}


@pytest.fixture
def session(make_session: MakeSession) -> stripe.checkout.Session:
    intent = {"metadata": METADATA, "description": "A pack"}
    return make_session(
        payment_intent_data=intent,
        metadata={"shop": "1"},
        client_reference_id="7",
        customer_creation="always",
    )


def refuse(sandbox: Sandbox, session_id: str, what: str, order: dict[str, Any]) -> tuple[int, str]:
    """The status and the words of an order that is refused."""
    address = f"{sandbox.url}/_sandbox/checkout/sessions/{session_id}/{what}"
    answer = requests.post(address, json=order, timeout=5)
    return answer.status_code, answer.json()["error"]


def test_a_second_payment_says_all_that_the_first_says_and_its_session_does_not_name_it(
    sandbox: Sandbox, client: stripe.StripeClient, session: stripe.checkout.Session
) -> None:
    first = sandbox.pay(session.id)
    second = sandbox.pay_again(session.id, wallet="google_pay")
    assert (second["outcome"], second["session"]) == ("succeeded", first["session"])
    one, other = first["payment_intent"], second["payment_intent"]
    assert one["id"] != other["id"]
    for name in ("amount", "amount_received", "currency", "customer", "metadata", "description", "status"):
        assert one[name] == other[name]
    assert other["metadata"] == METADATA
    assert list_event_types(sandbox)[-4:] == BY_INTENT
    charge = client.v1.charges.retrieve(other["latest_charge"]).to_dict()
    assert (charge["metadata"], charge["amount"], charge["paid"]) == (METADATA, 4500, True)
    assert client.v1.checkout.sessions.list({"payment_intent": other["id"]}).data == []
    assert client.v1.refunds.create({"payment_intent": other["id"]}).status == "succeeded"


def test_a_second_payment_may_come_by_a_session_like_the_first(
    sandbox: Sandbox, session: stripe.checkout.Session
) -> None:
    first = sandbox.pay(session.id)
    second = sandbox.pay_again(session.id, checkout=True)
    one, other = first["session"], second["session"]
    own = ("id", "payment_intent", "url", "created", "expires_at")
    assert one["id"] != other["id"]
    assert {name: one[name] for name in one if name not in own} == {
        name: other[name] for name in other if name not in own
    }
    assert (other["status"], other["payment_status"], other["client_reference_id"]) == (
        "complete",
        "paid",
        "7",
    )
    assert second["payment_intent"]["metadata"] == METADATA
    assert second["payment_intent"]["id"] == other["payment_intent"] != one["payment_intent"]
    assert list_event_types(sandbox)[-5:] == ["payment_intent.created", *PAID]
    assert len(sandbox.objects("checkout.session")) == 2


def test_a_card_may_pay_while_the_bank_takes_its_time(
    sandbox: Sandbox, session: stripe.checkout.Session
) -> None:
    sandbox.pay_later(session.id)
    assert sandbox.pay_again(session.id)["outcome"] == "succeeded"
    assert sandbox.settle(session.id)["outcome"] == "succeeded"


def test_a_second_payment_may_be_declined(sandbox: Sandbox, session: stripe.checkout.Session) -> None:
    sandbox.pay(session.id)
    for through_checkout in (False, True):
        again = sandbox.pay_again(session.id, card="4000000000000002", checkout=through_checkout)
        assert (again["outcome"], again["payment_intent"]["amount_received"]) == ("declined", 0)


def test_there_is_no_second_payment_without_a_first(
    sandbox: Sandbox, session: stripe.checkout.Session
) -> None:
    told = "the session is open, not complete"
    for order in ({}, {"checkout": True}):
        assert refuse(sandbox, session.id, "pay_again", order) == (409, told)
    sandbox.pay(session.id)
    assert refuse(sandbox, session.id, "pay_again", {"card": "4000002500003155"})[0] == 409
    assert refuse(sandbox, "cs_none", "pay_again", {})[0] == 404
    assert len(sandbox.objects("payment_intent")) == 1


def test_a_promotion_code_may_make_a_priced_session_free(
    sandbox: Sandbox, client: stripe.StripeClient, session: stripe.checkout.Session
) -> None:
    sandbox.discount(session.id)
    completed = sandbox.pay(session.id)
    assert (completed["outcome"], completed["payment_intent"]) == ("no_payment_required", None)
    free = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]}).to_dict()
    assert (free["status"], free["payment_status"], free["payment_intent"]) == (
        "complete",
        "no_payment_required",
        None,
    )
    assert (free["amount_subtotal"], free["amount_total"]) == (4500, 0)
    assert free["total_details"]["amount_discount"] == 4500
    (item,) = free["line_items"]["data"]
    assert (item["amount_subtotal"], item["amount_discount"], item["amount_total"]) == (4500, 4500, 0)
    assert list_event_types(sandbox)[-1] == "checkout.session.completed"
    assert sandbox.objects("charge") == []
    assert refuse(sandbox, session.id, "pay_again", {}) == (409, "the session is free")


def test_a_promotion_code_may_take_a_part_off(sandbox: Sandbox, make_session: MakeSession) -> None:
    price = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Pack"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}] * 2)
    discounted = sandbox.discount(session.id, 1500)
    assert (discounted["amount_total"], discounted["payment_status"]) == (500, "unpaid")
    paid = sandbox.pay(session.id)
    assert (paid["payment_intent"]["amount_received"], paid["session"]["amount_subtotal"]) == (500, 2000)


def test_only_an_untried_session_can_be_discounted_and_by_no_more_than_its_price(
    sandbox: Sandbox, session: stripe.checkout.Session
) -> None:
    assert refuse(sandbox, session.id, "discount", {"amount_off": 0})[0] == 400
    assert refuse(sandbox, session.id, "discount", {"amount_off": 4501})[0] == 409
    sandbox.pay(session.id, "4000000000000002")
    assert refuse(sandbox, session.id, "discount", {}) == (409, "a payment was already attempted")
    sandbox.pay(session.id)
    assert refuse(sandbox, session.id, "discount", {}) == (409, "the session is complete, not open")
