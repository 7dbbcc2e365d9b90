"""Payments of another product on the same account: no checkout of ours, by an intent or by a bare charge."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import BY_INTENT, find_event, list_event_types, list_events_of
from tests.support.sandbox import Sandbox

OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


def test_a_payment_outright_is_told_as_any_other_and_has_no_session(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    metadata = {"order": "7"}
    paid = sandbox.pay_outright(
        2000, currency="eur", description="A mug", metadata=metadata, wallet="apple_pay"
    )
    assert list_event_types(sandbox) == BY_INTENT
    assert sandbox.objects("checkout.session") == []
    intent = client.v1.payment_intents.retrieve(
        paid["payment_intent"]["id"], {"expand": ["latest_charge.balance_transaction"]}
    ).to_dict()
    charge = intent["latest_charge"]
    assert (intent["status"], intent["amount_received"], intent["currency"]) == ("succeeded", 2000, "eur")
    assert (charge["id"], charge["paid"], charge["amount"]) == (paid["charge"]["id"], True, 2000)
    for shown in (intent, charge):
        assert (shown["metadata"], shown["description"]) == (metadata, "A mug")
    assert charge["payment_method_details"]["card"]["wallet"]["type"] == "apple_pay"
    assert charge["balance_transaction"]["amount"] == 2000
    assert requests.get(charge["receipt_url"], timeout=5).status_code == 200


def test_a_payment_outright_says_little_unless_told(sandbox: Sandbox) -> None:
    paid = sandbox.pay_outright()
    for shown in (paid["payment_intent"], paid["charge"]):
        assert (shown["amount"], shown["currency"], shown["metadata"]) == (4500, "usd", {})
        assert (shown["description"], shown["customer"]) == (None, None)


def test_a_payment_outright_can_be_refunded_and_disputed(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    paid = sandbox.pay_outright(2000)
    intent, charge = paid["payment_intent"]["id"], paid["charge"]["id"]
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 500})
    assert (refund.charge, refund.payment_intent, refund.status) == (charge, intent, "succeeded")
    assert sandbox.dispute(charge)["payment_intent"] == intent
    assert list_events_of(sandbox, "charge.dispute.") == OPENED


@pytest.mark.parametrize("by_intent", [True, False])
def test_a_payment_outright_can_be_declined(sandbox: Sandbox, by_intent: bool) -> None:
    declined = sandbox.pay_outright(card="4000000000009995", intent=by_intent)
    assert (declined["outcome"], declined["decline_code"]) == ("declined", "insufficient_funds")
    assert (declined["charge"]["status"], declined["charge"]["paid"]) == ("failed", False)
    told = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    assert list_event_types(sandbox) == (told if by_intent else ["charge.failed"])


@pytest.mark.parametrize("by_intent", [True, False])
def test_the_cards_that_are_disputed_are_so_outright_as_well(sandbox: Sandbox, by_intent: bool) -> None:
    sandbox.pay_outright(card="4000000000000259", intent=by_intent)
    assert list_event_types(sandbox)[-2:] == OPENED


def test_a_bare_charge_has_no_intent_and_is_booked_at_once(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    made = sandbox.pay_outright(2000, intent=False, metadata={"order": "7"})
    assert (made["outcome"], made["payment_intent"]) == ("succeeded", None)
    assert list_event_types(sandbox) == ["charge.succeeded"]
    assert sandbox.objects("payment_intent") == []
    told = find_event(sandbox, "charge.succeeded")["object"]
    charge = client.v1.charges.retrieve(made["charge"]["id"], {"expand": ["balance_transaction"]}).to_dict()
    assert (charge["payment_intent"], charge["paid"], charge["metadata"]) == (None, True, {"order": "7"})
    assert charge["balance_transaction"]["id"] == told["balance_transaction"]
    assert charge["payment_method"] == charge["source"]["id"]
    assert (charge["source"]["object"], charge["source"]["brand"]) == ("card", "Visa")
    assert charge["payment_method_details"]["card"]["last4"] == charge["source"]["last4"] == "4242"


def test_a_bare_charge_can_be_refunded(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    charge = sandbox.pay_outright(2000, intent=False)["charge"]["id"]
    refund = client.v1.refunds.create({"charge": charge, "amount": 500})
    assert (refund.charge, refund.payment_intent) == (charge, None)
    told = ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert list_events_of(sandbox, "refund.", "charge.refund") == told
    assert find_event(sandbox, "charge.refunded")["object"]["payment_intent"] is None
    assert [found.id for found in client.v1.refunds.list({"charge": charge}).data] == [refund.id]
    assert sandbox.fail_refund(refund.id)["status"] == "failed"


def test_a_bare_charge_can_be_disputed(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    charge = sandbox.pay_outright(2000, intent=False)["charge"]["id"]
    dispute = sandbox.dispute(charge)
    assert (dispute["charge"], dispute["payment_intent"], dispute["amount"]) == (charge, None, 2000)
    assert [found.id for found in client.v1.disputes.list({"charge": charge}).data] == [dispute["id"]]
    assert sandbox.close_dispute(dispute["id"], "won")["status"] == "won"


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({}, 400),
        ({"amount": 0}, 400),
        ({"amount": "all"}, 400),
        ({"amount": 100, "currency": "dollars"}, 400),
        ({"amount": 100, "metadata": "none"}, 400),
        ({"amount": 100, "card": "4242424242424241"}, 400),
        ({"amount": 100, "session": "cs_1"}, 400),
        ({"amount": 100, "card": "4000002500003155"}, 409),
    ],
)
def test_a_payment_outright_that_makes_no_sense_is_refused(
    sandbox: Sandbox, order: dict[str, Any], status: int
) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/payments", json=order, timeout=5)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
    assert sandbox.objects("event") == []
