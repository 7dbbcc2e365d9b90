"""Reading a payment back: each object by its id, in lists, and expanded one inside the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from tests.sandbox.calling import MakeSession
from tests.support.sandbox import Sandbox


@dataclass(frozen=True)
class Ids:
    session: str
    intent: str
    charge: str
    refund: str
    dispute: str


@pytest.fixture
def payment(sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession) -> Ids:
    """A payment that was refunded in part and then disputed. There is another of each, which is not meant."""
    ids = [_pay(sandbox, client, make_session) for _ in range(2)]
    return ids[0]


def _pay(sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession) -> Ids:
    session = make_session(payment_intent_data={"metadata": {"purchase": "7"}})
    intent = sandbox.pay(session.id)["payment_intent"]
    refund = client.v1.refunds.create({"charge": intent["latest_charge"], "amount": 500})
    dispute = sandbox.dispute(intent["latest_charge"])
    return Ids(session.id, intent["id"], intent["latest_charge"], refund.id, dispute["id"])


@pytest.mark.parametrize("expand", ["payment_intent.latest_charge", "payment_intent.payment_method"])
def test_a_session_leads_to_its_charge(client: stripe.StripeClient, payment: Ids, expand: str) -> None:
    one = client.v1.checkout.sessions.retrieve(payment.session, {"expand": [expand]}).to_dict()
    listed = client.v1.checkout.sessions.list(
        {"payment_intent": payment.intent, "expand": [f"data.{expand}"]}
    ).data
    assert [found.to_dict() for found in listed] == [one]
    intent = one["payment_intent"]
    assert (intent["id"], intent["metadata"]) == (payment.intent, {"purchase": "7"})
    if "latest_charge" in expand:
        assert (intent["latest_charge"]["id"], intent["latest_charge"]["disputed"]) == (payment.charge, True)
        assert intent["latest_charge"]["metadata"] == {"purchase": "7"}


def test_an_intent_leads_to_its_charge_and_that_to_its_money(
    client: stripe.StripeClient, payment: Ids
) -> None:
    path = "latest_charge.balance_transaction"
    intent = client.v1.payment_intents.retrieve(payment.intent, {"expand": [path]}).to_dict()
    assert intent["latest_charge"]["balance_transaction"]["source"] == payment.charge
    listed = client.v1.payment_intents.list({"expand": [f"data.{path}"]}).data
    assert intent in [found.to_dict() for found in listed]


def test_a_charge_is_found_by_its_id_and_by_its_intent(client: stripe.StripeClient, payment: Ids) -> None:
    params: Any = {"expand": ["balance_transaction", "payment_intent", "refunds"]}
    charge = client.v1.charges.retrieve(payment.charge, params).to_dict()
    assert (charge["balance_transaction"]["amount"], charge["payment_intent"]["id"]) == (4500, payment.intent)
    assert [refund["id"] for refund in charge["refunds"]["data"]] == [payment.refund]
    found = client.v1.charges.list(
        {
            "payment_intent": payment.intent,
            "expand": [f"data.{name}" for name in params["expand"]],
        }
    ).data
    assert [each.to_dict() for each in found] == [charge]


@pytest.mark.parametrize("by", ["charge", "intent"])
def test_a_refund_is_found_by_its_id_its_charge_and_its_intent(
    client: stripe.StripeClient, payment: Ids, by: str
) -> None:
    params: Any = {"expand": ["balance_transaction", "charge", "payment_intent"]}
    refund = client.v1.refunds.retrieve(payment.refund, params).to_dict()
    assert (refund["balance_transaction"]["amount"], refund["charge"]["amount_refunded"]) == (-500, 500)
    name = {"charge": "charge", "intent": "payment_intent"}[by]
    wanted: Any = {name: getattr(payment, by), "expand": [f"data.{path}" for path in params["expand"]]}
    found = client.v1.refunds.list(wanted).data
    assert [each.to_dict() for each in found] == [refund]


@pytest.mark.parametrize("by", ["charge", "intent"])
def test_a_dispute_is_found_by_its_id_its_charge_and_its_intent(
    client: stripe.StripeClient, payment: Ids, by: str
) -> None:
    params: Any = {"expand": ["balance_transactions", "charge.balance_transaction", "payment_intent"]}
    dispute = client.v1.disputes.retrieve(payment.dispute, params).to_dict()
    assert dispute["charge"]["balance_transaction"]["amount"] == 4500
    assert [each["amount"] for each in dispute["balance_transactions"]] == [-4500]
    name = {"charge": "charge", "intent": "payment_intent"}[by]
    wanted: Any = {name: getattr(payment, by), "expand": [f"data.{path}" for path in params["expand"]]}
    found = client.v1.disputes.list(wanted).data
    assert [each.to_dict() for each in found] == [dispute]


def test_the_money_of_a_dispute_leads_back_to_it(client: stripe.StripeClient, payment: Ids) -> None:
    params: Any = {"expand": ["balance_transactions.source"]}
    dispute = client.v1.disputes.retrieve(payment.dispute, params).to_dict()
    assert [each["source"]["id"] for each in dispute["balance_transactions"]] == [payment.dispute]
