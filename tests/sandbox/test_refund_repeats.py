"""Refunds asked for twice, or many at the same moment: what was meant once happens once."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import Pay
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox


def test_equal_refunds_under_two_keys_are_two_and_under_one_key_one(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    made = [
        client.v1.refunds.create({"charge": charge, "amount": 1000}, {"idempotency_key": key}).id
        for key in ("a", "b", "b")
    ]
    assert made[0] != made[1] == made[2]
    assert [refund["id"] for refund in sandbox.objects("refund")] == made[:2]
    assert client.v1.charges.retrieve(charge).amount_refunded == 2000


def test_a_refund_whose_answer_was_lost_is_found_under_its_key(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()
    sandbox.fault(method="POST", path="/v1/refunds", status=None, after=True)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.refunds.create({"charge": charge}, {"idempotency_key": "k"})
    again = client.v1.refunds.create({"charge": charge}, {"idempotency_key": "k"})
    assert [refund["id"] for refund in sandbox.objects("refund")] == [again.id]


def test_a_refusal_stands_under_its_key(client: stripe.StripeClient, pay: Pay) -> None:
    charge = pay()
    refund = client.v1.refunds.create({"charge": charge, "amount": 4000}, {"idempotency_key": "a"})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"charge": charge, "amount": 1000}, {"idempotency_key": "b"})
    assert refund.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as error:
        client.v1.refunds.create({"charge": charge, "amount": 1000}, {"idempotency_key": "b"})
    assert (error.value.headers or {})["Idempotent-Replayed"] == "true"


def test_refunds_at_once_never_give_back_more_than_was_paid(
    sandbox: Sandbox, client: stripe.StripeClient, pay: Pay
) -> None:
    charge = pay()

    def refund() -> str:
        try:
            return str(client.v1.refunds.create({"charge": charge, "amount": 1000}).status)
        except stripe.InvalidRequestError as error:
            return str(error.param)

    outcomes = at_once(*[refund] * 8)
    assert sorted(outcomes) == ["amount"] * 4 + ["succeeded"] * 4
    assert client.v1.charges.retrieve(charge).amount_refunded == 4000
    assert sum(made["amount"] for made in sandbox.objects("refund")) == 4000


def test_one_key_at_once_makes_one_refund(sandbox: Sandbox, client: stripe.StripeClient, pay: Pay) -> None:
    charge = pay()

    def refund() -> str:
        try:
            params: Any = {"charge": charge, "amount": 1000}
            return client.v1.refunds.create(params, {"idempotency_key": "k"}).id
        except stripe.APIError as error:
            return str(error.http_status)

    outcomes = set(at_once(*[refund] * 8)) - {"409"}
    assert outcomes == {made["id"] for made in sandbox.objects("refund")}
    assert len(outcomes) == 1
