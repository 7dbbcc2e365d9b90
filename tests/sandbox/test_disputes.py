"""Buyers who go to their bank: chargebacks and inquiries, how they open and how they end."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, Pay, find_event, list_event_types, list_events_of
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import Sandbox

DISPUTED, ASKED, WAITS = "4000000000000259", "4000000000001976", "4000000000007726"
OPENED = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
DAY_S = 24 * 60 * 60


def list_told(sandbox: Sandbox) -> list[str]:
    return list_events_of(sandbox, "charge.dispute.")


def find_movements(client: stripe.StripeClient, dispute_id: str) -> list[tuple[str, int, int, int]]:
    """The category, amount, fee and net of what a dispute moved, oldest first."""
    found = client.v1.balance_transactions.list({"type": "adjustment", "source": dispute_id}).data
    return [(each.reporting_category, each.amount, each.fee, each.net) for each in reversed(found)]


def test_the_card_that_is_disputed_pays_and_is_charged_back(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    answer = sandbox.pay(make_session().id, DISPUTED)
    assert (answer["outcome"], answer["session"]["payment_status"]) == ("succeeded", "paid")
    assert list_event_types(sandbox)[-4:] == ["checkout.session.completed", "charge.updated", *OPENED]
    (dispute,) = client.v1.disputes.list().data
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 4500)
    assert dispute.charge == answer["payment_intent"]["latest_charge"]
    assert dispute.payment_intent == answer["payment_intent"]["id"]
    assert client.v1.charges.retrieve(str(dispute.charge)).disputed
    causes = {event["type"]: event["request"]["id"] for event in sandbox.objects("event")}
    assert causes["charge.succeeded"] is not None
    assert causes["charge.dispute.created"] is None  # a bank's doing, not the buyer's


def test_the_card_whose_bank_only_asks_leaves_the_money(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = client.v1.charges.retrieve(pay(ASKED))
    (dispute,) = client.v1.disputes.list({"charge": charge.id}).data
    assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
    assert (dispute.balance_transactions, charge.disputed) == ([], True)
    assert list_told(sandbox) == ["charge.dispute.created"]
    assert find_movements(client, dispute.id) == []


def test_a_chargeback_takes_the_money_and_a_fee(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    dispute = sandbox.dispute(pay(), reason="product_not_received")
    assert find_movements(client, dispute["id"]) == [("dispute", -4500, 1500, -6000)]
    (movement,) = dispute["balance_transactions"]
    assert movement == client.v1.balance_transactions.retrieve(movement["id"]).to_dict()
    paths = ["source", "source.charge"]
    expanded = client.v1.balance_transactions.retrieve(movement["id"], {"expand": paths}).to_dict()
    assert expanded["source"]["charge"]["id"] == dispute["charge"]
    case = dispute["payment_method_details"]["card"]
    assert (case["case_type"], case["network_reason_code"]) == ("chargeback", "13.1")
    told = find_event(sandbox, "charge.dispute.created")["object"]
    assert told == find_event(sandbox, "charge.dispute.funds_withdrawn")["object"] == dispute


def test_a_dispute_is_to_be_answered_by_the_end_of_a_day(sandbox: Sandbox, pay: Pay) -> None:
    charge, now = pay(), sandbox.get("/_sandbox/clock")["now"]
    due_by = sandbox.dispute(charge)["evidence_details"]["due_by"]
    assert (due_by + 1) % DAY_S == 0
    assert 8 * DAY_S <= due_by - now <= 9 * DAY_S


def test_what_was_refunded_does_not_count_for_a_bank(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    client.v1.refunds.create({"charge": charge, "amount": 2000})
    assert sandbox.dispute(charge)["amount"] == 4500
    assert sandbox.dispute(pay(), amount=700)["amount"] == 700


def test_a_bank_may_dispute_more_than_the_charge(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    dispute = sandbox.dispute(pay(), amount=9000)
    assert (dispute["amount"], find_movements(client, dispute["id"])) == (
        9000,
        [("dispute", -9000, 1500, -10500)],
    )


def test_a_charge_is_in_one_dispute_at_a_time(sandbox: Sandbox, pay: Pay) -> None:
    charge = pay()
    first = sandbox.dispute(charge)
    address = f"{sandbox.url}/_sandbox/charges/{charge}/dispute"
    refused = requests.post(address, json={}, timeout=5)
    assert (refused.status_code, first["id"] in refused.json()["error"]) == (409, True)
    sandbox.close_dispute(first["id"], "won")
    assert sandbox.dispute(charge)["id"] != first["id"]


def test_a_charge_that_brought_no_money_cannot_be_disputed(sandbox: Sandbox, pay: Pay) -> None:
    declined = pay("4000000000000002")
    refused = requests.post(f"{sandbox.url}/_sandbox/charges/{declined}/dispute", json={}, timeout=5)
    assert (refused.status_code, refused.json()["error"]) == (409, "the charge is failed, not succeeded")


@pytest.mark.parametrize("ending", [None, "won", "lost"])
def test_a_charge_taken_back_can_be_refunded_only_when_it_is_won(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, ending: str | None
) -> None:
    charge = pay()
    dispute = sandbox.dispute(charge)
    if ending is not None:
        sandbox.close_dispute(dispute["id"], ending)
    if ending == "won":
        assert client.v1.refunds.create({"charge": charge}).status == "succeeded"
        return
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.refunds.create({"charge": charge})
    message = f"Charge {charge} has been charged back; cannot issue a refund."
    assert (error.value.code, error.value.user_message) == ("charge_disputed", message)


def test_a_charge_that_is_only_asked_about_can_be_refunded(client: stripe.StripeClient, pay: Pay) -> None:
    assert client.v1.refunds.create({"charge": pay(ASKED)}).status == "succeeded"


@pytest.mark.parametrize("asked_first", [False, True])
def test_a_chargeback_stops_the_refunds_that_are_still_on_their_way(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, asked_first: bool
) -> None:
    charge = pay(WAITS)
    arrived = client.v1.refunds.create({"charge": charge, "amount": 1000}).id
    sandbox.succeed_refund(arrived)
    pending = client.v1.refunds.create({"charge": charge, "amount": 1000}).id
    dispute = sandbox.dispute(charge, inquiry=asked_first)
    if asked_first:
        assert client.v1.refunds.retrieve(pending).status == "pending"
        sandbox.escalate_dispute(dispute["id"])
    stopped = client.v1.refunds.retrieve(pending)
    assert (stopped.status, stopped.failure_reason) == ("failed", "charge_for_pending_refund_disputed")
    assert client.v1.refunds.retrieve(arrived).status == "succeeded"
    assert client.v1.charges.retrieve(charge).amount_refunded == 1000


def test_a_dispute_won_gives_the_money_back_and_keeps_the_fee(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    dispute = sandbox.dispute(charge)
    won = sandbox.close_dispute(dispute["id"], "won")
    assert (won["status"], won["is_charge_refundable"]) == ("won", True)
    assert find_movements(client, dispute["id"]) == [
        ("dispute", -4500, 1500, -6000),
        ("dispute_reversal", 4500, 0, 4500),
    ]
    assert list_told(sandbox) == [*OPENED, "charge.dispute.closed", "charge.dispute.funds_reinstated"]
    closed = find_event(sandbox, "charge.dispute.closed")
    assert closed["object"]["status"] == "won"
    assert closed["previous_attributes"]["status"] == "needs_response"
    reinstated = find_event(sandbox, "charge.dispute.funds_reinstated")
    assert reinstated["previous_attributes"] == {"balance_transactions": dispute["balance_transactions"]}
    assert len(reinstated["object"]["balance_transactions"]) == 2
    assert client.v1.charges.retrieve(charge).disputed  # it has been, and the mark stays


def test_a_dispute_lost_moves_nothing_more(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    dispute = sandbox.dispute(pay())
    assert sandbox.close_dispute(dispute["id"], "lost")["status"] == "lost"
    assert list_told(sandbox) == [*OPENED, "charge.dispute.closed"]
    assert len(find_movements(client, dispute["id"])) == 1


def test_an_inquiry_closes_without_moving_money(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    inquiry = sandbox.dispute(pay(), inquiry=True)
    assert sandbox.close_dispute(inquiry["id"], "warning_closed")["status"] == "warning_closed"
    assert list_told(sandbox) == ["charge.dispute.created", "charge.dispute.closed"]
    assert find_movements(client, inquiry["id"]) == []


def test_an_inquiry_can_become_a_chargeback(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    inquiry = sandbox.dispute(pay(), inquiry=True)
    dispute = sandbox.escalate_dispute(inquiry["id"])
    assert (dispute["id"], dispute["status"]) == (inquiry["id"], "needs_response")
    assert dispute["is_charge_refundable"] is False
    assert dispute["payment_method_details"]["card"]["case_type"] == "chargeback"
    assert find_movements(client, dispute["id"]) == [("dispute", -4500, 1500, -6000)]
    assert list_told(sandbox)[1:] == ["charge.dispute.updated", "charge.dispute.funds_withdrawn"]
    updated = find_event(sandbox, "charge.dispute.updated")
    assert updated["previous_attributes"]["status"] == "warning_needs_response"
    withdrawn = find_event(sandbox, "charge.dispute.funds_withdrawn")
    assert withdrawn["previous_attributes"] == {"balance_transactions": []}
    assert sandbox.close_dispute(dispute["id"], "won")["status"] == "won"


@pytest.mark.parametrize(
    ("inquiry", "path", "json"),
    [
        (False, "close", {"status": "warning_closed"}),
        (False, "escalate", {}),
        (True, "close", {"status": "won"}),
        (True, "close", {"status": "lost"}),
    ],
)
def test_a_dispute_ends_only_as_its_kind_can(
    sandbox: Sandbox, pay: Pay, inquiry: bool, path: str, json: dict[str, Any]
) -> None:
    dispute = sandbox.dispute(pay(), inquiry=inquiry)
    told = list_told(sandbox)
    address = f"{sandbox.url}/_sandbox/disputes/{dispute['id']}/{path}"
    refused = requests.post(address, json=json, timeout=5)
    assert (refused.status_code, dispute["status"] in refused.json()["error"]) == (409, True)
    assert list_told(sandbox) == told
    assert sandbox.objects("dispute") == [dispute]


@pytest.mark.parametrize(
    ("path", "json", "status"),
    [
        ("charges/ch_none/dispute", {}, 404),
        ("charges/CHARGE/dispute", {"reason": "regret"}, 400),
        ("charges/CHARGE/dispute", {"amount": 0}, 400),
        ("charges/CHARGE/dispute", {"amount": 100, "currency": "EUR"}, 400),
        ("charges/CHARGE/dispute", {"currency": "eur", "exchange_rate": 1.1}, 400),
        ("charges/CHARGE/dispute", {"amount": 100, "currency": "eur"}, 409),
        ("charges/CHARGE/dispute", {"amount": 100, "currency": "eur", "exchange_rate": 0}, 400),
        ("charges/CHARGE/dispute", {"exchange_rate": 1.1}, 409),
        ("charges/CHARGE/dispute", {"amount": "all"}, 400),
        ("disputes/du_none/escalate", {}, 404),
        ("disputes/du_none/close", {"status": "won"}, 404),
        ("disputes/du_none/close", {"status": "over"}, 400),
        ("disputes/du_none/close", {}, 400),
    ],
)
def test_an_order_for_a_dispute_that_makes_no_sense_is_refused(
    sandbox: Sandbox, pay: Pay, path: str, json: dict[str, Any], status: int
) -> None:
    address = f"{sandbox.url}/_sandbox/{path}".replace("CHARGE", pay())
    answer = requests.post(address, json=json, timeout=5)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)
    assert sandbox.objects("dispute") == []


def test_a_delayed_payment_can_be_disputed_as_well(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session()
    sandbox.pay_later(session.id)
    charge = sandbox.settle(session.id)["payment_intent"]["latest_charge"]
    dispute = sandbox.dispute(charge, reason="debit_not_authorized")
    assert (dispute["status"], dispute["payment_method_details"]) == ("needs_response", None)


def test_disputes_are_released_in_any_order_and_cause_no_request(
    sandbox: Sandbox, receiver: Receiver, pay: Pay
) -> None:
    charge = pay()
    sandbox.wait_for_webhooks()
    receiver.forget()
    sandbox.hold_webhooks()
    sandbox.close_dispute(sandbox.dispute(charge)["id"], "won")
    sandbox.release_webhooks(order="reverse")
    assert receiver.types == list_told(sandbox)[::-1]
    nobody = {"id": None, "idempotency_key": None}
    assert [webhook.event["request"] for webhook in receiver.received] == [nobody] * 4


def test_a_reset_forgets_disputes(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    sandbox.dispute(pay())
    sandbox.post("/_sandbox/reset")
    assert client.v1.disputes.list().data == []
