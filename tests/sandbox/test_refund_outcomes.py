"""Refunds that take their time, come back, or wait for the buyer."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, Pay, find_event, list_events_of
from tests.support.sandbox import Sandbox

SUCCEEDS, WAITS, FAILS_LATER = "4242424242424242", "4000000000007726", "4000000000005126"
UPDATED = ["refund.updated", "charge.refund.updated"]
FAILED = [*UPDATED, "refund.failed"]


def refund_by(client: stripe.StripeClient, charge: str, amount: int = 4500) -> stripe.Refund:
    return client.v1.refunds.create({"charge": charge, "amount": amount})


def list_told(sandbox: Sandbox) -> list[str]:
    return list_events_of(sandbox, "refund.", "charge.refund")


def order(sandbox: Sandbox, path: str, json: dict[str, Any] | None = None) -> requests.Response:
    return requests.post(f"{sandbox.url}/_sandbox/{path}", json=json or {}, timeout=5)


def test_a_pending_refund_counts_at_once_and_arrives_when_told(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay(WAITS)
    refund = refund_by(client, charge)
    assert (refund.status, refund.to_dict()["pending_reason"]) == ("pending", "processing")
    assert client.v1.charges.retrieve(charge).refunded
    assert list_told(sandbox) == ["refund.created", "charge.refunded"]

    arrived = sandbox.succeed_refund(refund.id)

    assert (arrived["status"], arrived["pending_reason"]) == ("succeeded", None)
    assert list_told(sandbox)[2:] == UPDATED
    assert find_event(sandbox, "refund.updated")["previous_attributes"]["status"] == "pending"
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert order(sandbox, f"refunds/{refund.id}/succeed").status_code == 409


def test_a_refund_to_a_bank_account_waits(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session()
    sandbox.pay_later(session.id)
    charge = sandbox.settle(session.id)["payment_intent"]["latest_charge"]
    refund = refund_by(client, charge)
    assert refund.status == "pending"
    assert refund.to_dict()["destination_details"] == {"type": "sepa_debit"}
    assert sandbox.fail_refund(refund.id)["status"] == "failed"
    assert sandbox.succeed_refund(refund_by(client, charge).id)["status"] == "succeeded"


@pytest.mark.parametrize("card", [SUCCEEDS, WAITS])
def test_a_failed_refund_gives_the_money_back_to_the_merchant(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay, card: str
) -> None:
    charge = pay(card)
    refund_by(client, charge, 1500)
    refund = refund_by(client, charge, 3000)
    before = list_told(sandbox)

    failed = sandbox.fail_refund(refund.id, failure_reason="expired_or_canceled_card")

    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    now = client.v1.charges.retrieve(charge)
    assert (now.amount_refunded, now.refunded) == (1500, False)
    movement = client.v1.balance_transactions.retrieve(failed["failure_balance_transaction"])
    assert (movement.type, movement.amount, movement.source) == ("refund_failure", 3000, refund.id)
    assert list_told(sandbox)[len(before) :] == FAILED
    told = find_event(sandbox, "refund.updated")
    assert told["previous_attributes"]["status"] == refund.status
    assert find_event(sandbox, "refund.failed")["object"] == failed


def test_what_failed_can_be_refunded_again_and_does_not_fail_twice(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    refund = refund_by(client, charge)
    sandbox.fail_refund(refund.id)
    again = order(sandbox, f"refunds/{refund.id}/fail")
    assert (again.status_code, again.json()["error"].split(",")[0]) == (409, "the refund is failed")
    assert refund_by(client, charge).status == "succeeded"


def test_the_card_whose_refunds_fail_does_so_by_itself_when_time_passes(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay(FAILS_LATER)
    refund = refund_by(client, charge)
    assert refund.status == "succeeded"
    sandbox.post("/_sandbox/clock", {"advance_s": 60 * 60 - 60})
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    sandbox.post("/_sandbox/clock", {"advance_s": 60})
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert client.v1.charges.retrieve(charge).amount_refunded == 0
    assert list_told(sandbox)[-3:] == FAILED
    sandbox.post("/_sandbox/clock", {"advance_s": 86400})
    assert len(list_events_of(sandbox, "refund.failed")) == 1


def test_a_failing_refund_can_be_failed_by_hand_before_its_time(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    refund = refund_by(client, pay(FAILS_LATER))
    sandbox.fail_refund(refund.id)
    sandbox.post("/_sandbox/clock", {"advance_s": 86400})
    assert client.v1.refunds.retrieve(refund.id).failure_reason == "lost_or_stolen_card"
    assert len(list_events_of(sandbox, "refund.failed")) == 1


@pytest.mark.parametrize("card", [SUCCEEDS, WAITS])
def test_a_refund_on_its_way_or_arrived_cannot_be_canceled(
    client: stripe.StripeClient, pay: Pay, card: str
) -> None:
    refund = refund_by(client, pay(card))
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.refunds.cancel(refund.id)
    assert error.value.user_message == "Canceling this refund is unsupported."
    assert client.v1.refunds.retrieve(refund.id).status == refund.status


def test_a_refund_that_waits_for_the_buyer_can_be_canceled(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay(WAITS)
    refund = refund_by(client, charge)
    asked = sandbox.post(f"/_sandbox/refunds/{refund.id}/require_action")
    assert asked["status"] == "requires_action"
    before = list_told(sandbox)
    assert client.v1.refunds.cancel(refund.id).status == "canceled"
    assert client.v1.charges.retrieve(charge).amount_refunded == 0
    assert list_told(sandbox)[len(before) :] == UPDATED


@pytest.mark.parametrize(
    ("path", "json", "status"),
    [
        ("refunds/re_none/fail", {}, 404),
        ("refunds/re_none/succeed", {}, 404),
        ("refunds/re_none/fail", {"failure_reason": "bad luck"}, 400),
        ("refunds/re_none/fail", {"reason": "declined"}, 400),
        ("refunds/re_none/require_action", {"when": "now"}, 400),
    ],
)
def test_an_order_for_a_refund_that_makes_no_sense_is_refused(
    sandbox: Sandbox, path: str, json: dict[str, Any], status: int
) -> None:
    answer = order(sandbox, path, json)
    assert answer.status_code == status
    assert isinstance(answer.json()["error"], str)


def test_what_a_bank_does_is_nobodys_request(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    params: Any = {"charge": pay()}
    refund = client.v1.refunds.create(params, {"idempotency_key": "ours"})
    sandbox.fail_refund(refund.id)
    causes = {event["type"]: event["request"] for event in sandbox.objects("event")}
    assert causes["refund.created"]["idempotency_key"] == "ours"
    assert causes["refund.failed"] == {"id": None, "idempotency_key": None}


def test_a_reset_forgets_refunds(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    refund_by(client, pay(FAILS_LATER))
    sandbox.post("/_sandbox/reset")
    assert client.v1.refunds.list().data == []
    sandbox.post("/_sandbox/clock", {"advance_s": 86400})
    assert sandbox.objects("event") == []
