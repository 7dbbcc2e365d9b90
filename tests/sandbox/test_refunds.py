"""Giving money back: how much, of what, told to whom, and never more than was paid."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import MakeSession, Pay, find_event, list_events_of
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import Sandbox


def refuse(client: stripe.StripeClient, **params: Any) -> stripe.InvalidRequestError:
    """Ask for a refund that Stripe refuses. Gives the refusal."""
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.refunds.create(params)  # type: ignore[arg-type]
    return error.value


def read_metadata(refund: stripe.Refund) -> dict[str, str]:
    metadata: dict[str, str] = refund.to_dict()["metadata"]
    return metadata


def test_a_refund_gives_back_all_that_is_left(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = client.v1.charges.retrieve(pay())
    params: Any = {"charge": charge.id, "reason": "requested_by_customer", "metadata": {"ticket": "7"}}
    refund = client.v1.refunds.create(params)
    assert (refund.amount, refund.currency, refund.status) == (4500, "usd", "succeeded")
    assert (refund.charge, refund.payment_intent) == (charge.id, charge.payment_intent)
    assert (refund.reason, read_metadata(refund)) == ("requested_by_customer", {"ticket": "7"})
    refunded = client.v1.charges.retrieve(charge.id)
    assert (refunded.amount_refunded, refunded.refunded, refunded.status) == (4500, True, "succeeded")


def test_a_payment_is_refunded_in_parts_and_only_the_last_makes_it_refunded(
    client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    seen = []
    for params in ({"amount": 1000}, {"amount": 1000}, {}):
        client.v1.refunds.create({"charge": charge, **params})  # type: ignore[arg-type]
        now = client.v1.charges.retrieve(charge)
        seen.append((now.amount_refunded, now.refunded))
    assert seen == [(1000, False), (2000, False), (4500, True)]


def test_a_refund_may_name_the_payment_intent(client: stripe.StripeClient, pay: Pay) -> None:
    charge = client.v1.charges.retrieve(pay())
    refund = client.v1.refunds.create({"payment_intent": str(charge.payment_intent)})
    assert refund.charge == charge.id


def test_a_refund_is_told_with_what_was_refunded_before(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    client.v1.refunds.create({"charge": charge, "amount": 1500})
    refund = client.v1.refunds.create({"charge": charge})
    told = ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert list_events_of(sandbox, "refund.", "charge.refund") == told * 2
    created = find_event(sandbox, "refund.created")
    assert (created["object"]["id"], created["object"]["status"]) == (refund.id, "succeeded")
    refunded = find_event(sandbox, "charge.refunded")
    assert (refunded["object"]["id"], refunded["object"]["amount_refunded"]) == (charge, 4500)
    assert refunded["previous_attributes"] == {"amount_refunded": 1500, "refunded": False}
    assert "refunds" not in refunded["object"]


def test_the_banks_reference_comes_after_the_refund(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    client.v1.refunds.create({"charge": pay()})
    told = [find_event(sandbox, name) for name in ("refund.updated", "charge.refund.updated")]
    for data in told:
        before = data["previous_attributes"]["destination_details"]["card"]
        after = data["object"]["destination_details"]["card"]
        assert (before["reference_status"], after["reference_status"]) == ("pending", "available")
        assert len(after["reference"]) == 23


def test_a_refund_moves_money_out_of_the_balance(client: stripe.StripeClient, pay: Pay) -> None:
    refund = client.v1.refunds.create({"charge": pay(), "amount": 1500})
    movement = client.v1.balance_transactions.retrieve(str(refund.balance_transaction))
    assert (movement.type, movement.reporting_category) == ("refund", "refund")
    assert (movement.amount, movement.fee, movement.net, movement.source) == (-1500, 0, -1500, refund.id)
    found = client.v1.balance_transactions.list({"type": "refund"}).data
    assert [listed.id for listed in found] == [movement.id]


@pytest.mark.parametrize("left", [4500, 4000])
def test_more_than_is_left_is_refused(client: stripe.StripeClient, pay: Pay, left: int) -> None:
    charge = pay()
    if left < 4500:
        client.v1.refunds.create({"charge": charge, "amount": 4500 - left})
    error = refuse(client, charge=charge, amount=left + 1)
    assert (error.http_status, error.code, error.param) == (400, None, "amount")
    asked, rest = f"${(left + 1) / 100:.2f}", f"${left / 100:.2f}"
    message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})"
    assert error.user_message == message
    assert client.v1.charges.retrieve(charge).amount_refunded == 4500 - left


def test_what_is_refunded_is_not_refunded_again(client: stripe.StripeClient, pay: Pay) -> None:
    charge = pay()
    client.v1.refunds.create({"charge": charge})
    for params in ({}, {"amount": 1}):
        error = refuse(client, charge=charge, **params)
        assert (error.code, error.param) == ("charge_already_refunded", None)
        assert error.user_message == f"Charge {charge} has already been refunded."


def test_only_money_that_came_in_is_refunded(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    declined = sandbox.pay(make_session().id, "4000000000000002")["payment_intent"]
    session = make_session()
    pending = sandbox.pay_later(session.id)["payment_intent"]
    asked = make_session()
    sandbox.pay(asked.id, "4000002500003155", authenticate=False)
    unpaid = client.v1.checkout.sessions.retrieve(asked.id).payment_intent
    for intent in (declined["id"], pending["id"], unpaid):
        error = refuse(client, payment_intent=intent)
        message = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        assert (error.http_status, error.user_message) == (400, message)
    assert refuse(client, charge=declined["latest_charge"]).http_status == 400


@pytest.mark.parametrize(
    ("params", "code", "param", "message"),
    [
        (
            {},
            None,
            None,
            "One of the following params should be provided for this request: payment_intent or",
        ),
        ({"charge": "ch_none"}, "resource_missing", "id", "No such charge: 'ch_none'"),
        (
            {"payment_intent": "pi_none"},
            "resource_missing",
            "payment_intent",
            "No such payment_intent: 'pi_none'",
        ),
        ({"charge": "ch_none", "payment_intent": "pi_none"}, None, None, "You may only specify one of these"),
        ({"charge": "x", "amount": 0}, "parameter_invalid_integer", "amount", "This value must be greater"),
        (
            {"charge": "x", "reason": "regret"},
            None,
            "reason",
            "Invalid reason: must be one of duplicate, fraud",
        ),
        ({"charge": "x", "reverse_transfer": "true"}, None, "reverse_transfer", "The local sandbox doesn't"),
    ],
)
def test_a_refund_that_makes_no_sense_is_refused_in_stripes_words(
    client: stripe.StripeClient, params: dict[str, Any], code: str | None, param: str | None, message: str
) -> None:
    error = refuse(client, **params)
    assert (error.code, error.param) == (code, param)
    assert str(error.user_message).startswith(message)


def test_refunds_are_listed_by_charge_intent_and_time_and_paged(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge, other = pay(), pay()
    first, second = (client.v1.refunds.create({"charge": charge, "amount": 100}).id for _ in range(2))
    now = sandbox.post("/_sandbox/clock", {"advance_s": 1000})["now"]
    late = client.v1.refunds.create({"charge": other}).id

    def find(**params: Any) -> list[str]:
        return [refund.id for refund in client.v1.refunds.list(params).data]  # type: ignore[arg-type]

    assert find() == [late, second, first]
    assert find(charge=charge) == [second, first]
    assert find(payment_intent=client.v1.charges.retrieve(other).payment_intent) == [late]
    assert find(created={"gte": now - 500}) == [late]
    assert find(charge=charge, limit=1, starting_after=second) == [first]


def test_a_charge_shows_its_refunds_only_when_asked(client: stripe.StripeClient, pay: Pay) -> None:
    charge = pay()
    made = [client.v1.refunds.create({"charge": charge, "amount": 1}).id for _ in range(12)][::-1]
    assert "refunds" not in client.v1.charges.retrieve(charge).to_dict()
    path = "refunds.data.balance_transaction"
    refunds = client.v1.charges.retrieve(charge, {"expand": [path]}).to_dict()["refunds"]
    assert ([refund["id"] for refund in refunds["data"]], refunds["has_more"]) == (made[:10], True)
    assert refunds["data"][0]["balance_transaction"]["amount"] == -1
    listed = client.v1.charges.retrieve(charge, {"expand": ["refunds"]}).refunds
    assert listed is not None
    assert [refund.id for refund in listed.auto_paging_iter()] == made


def test_a_refund_leads_to_all_it_belongs_to(client: stripe.StripeClient, pay: Pay) -> None:
    made = client.v1.refunds.create({"charge": pay()}).id
    paths = ["charge", "payment_intent", "payment_method", "balance_transaction.source"]
    refund = client.v1.refunds.retrieve(made, {"expand": paths}).to_dict()
    assert refund["charge"]["amount_refunded"] == 4500
    assert refund["payment_intent"]["latest_charge"] == refund["charge"]["id"]
    assert refund["payment_method"]["card"]["last4"] == "4242"
    assert refund["balance_transaction"]["source"]["id"] == made


def test_a_refunds_metadata_can_be_changed_and_nothing_else(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    refund = client.v1.refunds.create({"charge": pay(), "metadata": {"ticket": "7"}})
    updated = client.v1.refunds.update(refund.id, {"metadata": {"by": "ann"}})
    assert read_metadata(updated) == {"ticket": "7", "by": "ann"}
    assert find_event(sandbox, "refund.updated")["previous_attributes"] == {"metadata": {"ticket": "7"}}
    told = list_events_of(sandbox, "refund.updated")
    client.v1.refunds.update(refund.id, {"metadata": {"by": "ann"}})
    assert list_events_of(sandbox, "refund.updated") == told
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: amount"):
        client.v1.refunds.update(refund.id, {"amount": 1})  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.refunds.update("re_none", {})
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def test_the_webhooks_of_a_refund_can_be_held_reversed_repeated_and_dropped(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    sandbox.wait_for_webhooks()
    receiver.forget()
    sandbox.hold_webhooks()
    client.v1.refunds.create({"charge": charge})
    assert receiver.types == []
    sandbox.release_webhooks(order="reverse", copies=2, drop=["charge.refund.updated"])
    assert receiver.types == [
        kind for kind in ("refund.updated", "charge.refunded", "refund.created") for _ in range(2)
    ]
