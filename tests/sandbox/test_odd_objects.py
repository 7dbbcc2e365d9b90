"""Objects that are not as Stripe makes them: what is there changed at will, and what comes next."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, Pay, find_event, list_event_types
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import Sandbox


def test_a_changed_object_is_shown_everywhere_and_told(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient, pay: Pay
) -> None:
    refund = client.v1.refunds.create({"charge": pay()})
    sandbox.wait_for_webhooks()
    receiver.forget()
    odd = sandbox.change_object(
        "refund", refund.id, {"status": None, "amount": 0}, tell=["refund.updated", "charge.refund.updated"]
    )
    assert (odd["status"], odd["amount"]) == (None, 0)
    sandbox.wait_for_webhooks()
    assert sorted(receiver.types) == ["charge.refund.updated", "refund.updated"]
    assert [webhook.event["data"]["object"] for webhook in receiver.received] == [odd, odd]
    assert find_event(sandbox, "refund.updated")["previous_attributes"] == {
        "status": "succeeded",
        "amount": 4500,
    }
    assert client.v1.refunds.retrieve(refund.id).to_dict() == odd
    assert [found.to_dict() for found in client.v1.refunds.list().data] == [odd]


def test_a_change_may_lead_inside_or_take_away_and_need_not_be_told(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge, before = pay(), list_event_types(sandbox)
    sandbox.change_object(
        "charge",
        charge,
        {"payment_method_details.card.last4": "\x00", "outcome.deep.er": ["\ud800"], "amount": 10**30},
        without=["currency", "billing_details.email"],
    )
    odd = client.v1.charges.retrieve(charge).to_dict()
    assert odd["payment_method_details"]["card"]["last4"] == "\x00"
    assert odd["payment_method_details"]["card"]["brand"] == "visa"
    assert (odd["outcome"]["deep"], odd["amount"]) == ({"er": ["\ud800"]}, 10**30)
    assert ("currency" in odd, "email" in odd["billing_details"]) == (False, False)
    assert list_event_types(sandbox) == before


def test_a_dispute_that_hides_its_charge_still_ends(sandbox: Sandbox, pay: Pay) -> None:
    dispute = sandbox.dispute(pay())["id"]
    sandbox.change_object("dispute", dispute, {"charge": None, "payment_intent": None, "amount": 0})
    won = sandbox.close_dispute(dispute, "won")
    assert [movement["amount"] for movement in won["balance_transactions"]] == [-4500, 4500]
    odd = sandbox.change_object("dispute", dispute, {"status": "pre_arbitration"})
    assert (odd["status"], odd["charge"]) == ("pre_arbitration", None)


def test_a_refund_that_hides_its_charge_still_fails(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    refund = client.v1.refunds.create({"charge": charge, "amount": 1000}).id
    sandbox.change_object("refund", refund, {"charge": None, "amount": 0, "currency": None})
    assert sandbox.fail_refund(refund)["status"] == "failed"
    assert client.v1.charges.retrieve(charge).amount_refunded == 0


def test_a_session_whose_status_was_changed_is_left_alone_by_time(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    session = make_session()
    sandbox.change_object("checkout.session", session.id, {"status": None})
    sandbox.post("/_sandbox/clock", {"advance_s": 2 * 24 * 60 * 60})
    assert sandbox.objects("checkout.session")[0]["status"] is None


def test_the_next_object_comes_odd_and_the_one_after_it_does_not(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    sandbox.make_odd("refund", {"status": None}, without=["reason"])
    odd = client.v1.refunds.create({"charge": charge, "amount": 100}).to_dict()
    assert (odd["status"], "reason" in odd) == (None, False)
    assert find_event(sandbox, "refund.created")["object"] == odd
    assert client.v1.refunds.create({"charge": charge, "amount": 100}).status == "succeeded"
    assert sandbox.get("/_sandbox/oddities") == {"oddities": []}


def test_events_can_be_odd_from_now_on_or_those_of_a_type(
    sandbox: Sandbox, receiver: Receiver, pay: Pay
) -> None:
    sandbox.make_odd("event", {"data.object.amount": -1}, where={"type": "charge.succeeded"})
    sandbox.make_odd("event", {"api_version": "2020-08-27", "account": "acct_1"}, times=None)
    pay()
    sandbox.wait_for_webhooks()
    events = {webhook.type: webhook.event for webhook in receiver.received}
    charged = events.pop("charge.succeeded")
    assert (charged["data"]["object"]["amount"], "account" in charged) == (-1, False)
    assert {(event["api_version"], event["account"]) for event in events.values()} == {
        ("2020-08-27", "acct_1")
    }
    sandbox.delete("/_sandbox/oddities")
    receiver.forget()
    pay()
    sandbox.wait_for_webhooks()
    assert ["account" in webhook.event for webhook in receiver.received] == [False] * 5


def test_an_object_may_come_under_an_id_of_choice(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.make_odd("product", {"id": "prod_" + "x" * 200})
    assert client.v1.products.retrieve(client.v1.products.create({"name": "Pack"}).id).name == "Pack"
    assert len(sandbox.objects("product")[0]["id"]) == 205


def test_an_order_may_leave_out_what_is_to_change(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.post("/_sandbox/oddities", {"object": "product", "fields": None, "without": ["url"]})
    assert "url" not in client.v1.products.create({"name": "Pack"}).to_dict()


def test_a_reset_forgets_what_was_to_be_odd(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    sandbox.make_odd("product", {"name": None}, times=None)
    sandbox.post("/_sandbox/reset")
    assert client.v1.products.create({"name": "Pack"}).name == "Pack"


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"object": "wish"},
        {"object": "refund", "fields": []},
        {"object": "refund", "times": 0},
        {"object": "refund", "without": ["id"]},
        {"object": "refund", "fields": {"object": 7}},
        {"object": "event", "without": ["type"]},
        {"object": "refund", "without": [7]},
        {"object": "refund", "fields": {"id": None}},
        {"object": "refund", "fields": {"id": "re_1"}, "times": 2},
        {"object": "event", "fields": {"type": None}},
    ],
)
def test_an_oddity_that_makes_no_sense_is_refused(sandbox: Sandbox, order: dict[str, Any]) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/oddities", json=order, timeout=5)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert sandbox.get("/_sandbox/oddities") == {"oddities": []}


def test_a_change_that_makes_no_sense_is_refused(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Pack"}).id
    wrong: list[tuple[str, bytes, int]] = [
        ("prod_none", b"{}", 404),
        (product, b'{"fields": [1]}', 400),
        (product, b'{"without": [1]}', 400),
        (product, b'{"tell": "product.updated"}', 400),
        (product, b'{"fields": {"created": 1e400}}', 400),
        (product, b'{"fields": {"created": NaN}}', 400),
    ]
    for object_id, order, status in wrong:
        address = f"{sandbox.url}/_sandbox/objects/product/{object_id}"
        answer = requests.patch(address, data=order, timeout=5)
        assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert list_event_types(sandbox) == ["product.created"]
