"""Payments, refunds and disputes whose money is converted on its way to the merchant's balance."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import MakeSession, find_event
from tests.support.sandbox import Sandbox


@pytest.fixture
def _in_euros(sandbox: Sandbox) -> None:
    """What is paid in dollars or yen is paid out in euros."""
    sandbox.set_account(settlement_currency="eur", exchange_rates={"usd": 0.88, "jpy": 0.6})


def pay_in(sandbox: Sandbox, make_session: MakeSession, currency: str = "usd", amount: int = 4500) -> str:
    """The id of a charge for so much."""
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Pack"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}])
    return str(sandbox.pay(session.id)["payment_intent"]["latest_charge"])


def movement_of(client: stripe.StripeClient, kind: str, object_id: str) -> tuple[Any, ...]:
    """Amount, currency and rate of what an object moved on the balance."""
    service = {"charge": client.v1.charges, "refund": client.v1.refunds}[kind]
    shown = service.retrieve(object_id, {"expand": ["balance_transaction"]}).to_dict()  # type: ignore[attr-defined]
    return read(shown["balance_transaction"])


def read(movement: dict[str, Any]) -> tuple[Any, ...]:
    assert movement["net"] == movement["amount"] - movement["fee"]
    assert {fee["currency"] for fee in movement["fee_details"]} <= {movement["currency"]}
    return movement["amount"], movement["currency"], movement["exchange_rate"]


@pytest.mark.usefixtures("_in_euros")
def test_a_charge_reaches_the_balance_in_the_settlement_currency(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session)
    assert movement_of(client, "charge", charge) == (3960, "eur", 0.88)
    shown = client.v1.charges.retrieve(charge)
    assert (shown.amount, shown.currency) == (4500, "usd")
    assert client.v1.accounts.retrieve_current().default_currency == "eur"
    (listed,) = client.v1.balance_transactions.list({"currency": "eur"}).data
    assert (listed.fee, listed.net) == (145, 3815)


@pytest.mark.usefixtures("_in_euros")
@pytest.mark.parametrize("currency", ["eur", "gbp"])
def test_a_currency_without_a_rate_is_settled_as_it_is(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, currency: str
) -> None:
    charge = pay_in(sandbox, make_session, currency)
    assert movement_of(client, "charge", charge) == (4500, currency, None)


@pytest.mark.usefixtures("_in_euros")
def test_a_rate_is_between_smallest_units(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session, "jpy", 5001)
    assert movement_of(client, "charge", charge) == (3001, "eur", 0.6)
    refund = client.v1.refunds.create({"charge": charge, "amount": 1000})
    assert (refund.amount, refund.currency) == (1000, "jpy")
    assert movement_of(client, "refund", refund.id) == (-600, "eur", 0.6)


def test_yen_are_what_a_payment_is_settled_in(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    sandbox.set_account(settlement_currency="jpy", exchange_rates={"usd": 1.5})
    charge = pay_in(sandbox, make_session)
    assert movement_of(client, "charge", charge) == (6750, "jpy", 1.5)


@pytest.mark.usefixtures("_in_euros")
def test_a_refund_goes_by_the_rate_of_its_day_and_its_failure_too(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session)
    sandbox.set_account(exchange_rates={"usd": 0.86})
    refund = client.v1.refunds.create({"charge": charge})
    assert (refund.amount, refund.currency) == (4500, "usd")
    assert movement_of(client, "refund", refund.id) == (-3870, "eur", 0.86)
    sandbox.set_account(exchange_rates={"usd": 0.9})
    failed = sandbox.fail_refund(refund.id)
    back = client.v1.balance_transactions.retrieve(failed["failure_balance_transaction"])
    assert read(back.to_dict()) == (4050, "eur", 0.9)


@pytest.mark.usefixtures("_in_euros")
def test_without_a_rate_of_the_day_a_refund_goes_by_that_of_the_charge(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session)
    sandbox.set_account(exchange_rates={})
    refund = client.v1.refunds.create({"charge": charge})
    assert movement_of(client, "refund", refund.id) == (-3960, "eur", 0.88)


@pytest.mark.usefixtures("_in_euros")
def test_a_dispute_is_in_the_charges_currency_and_taken_in_the_balances(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    dispute = sandbox.dispute(pay_in(sandbox, make_session), exchange_rate=0.9)
    assert (dispute["amount"], dispute["currency"]) == (4500, "usd")
    assert [read(each) for each in dispute["balance_transactions"]] == [(-4050, "eur", 0.9)]
    told = find_event(sandbox, "charge.dispute.funds_withdrawn")["object"]
    assert told == client.v1.disputes.retrieve(dispute["id"]).to_dict() == dispute
    won = sandbox.close_dispute(dispute["id"], "won")
    assert [read(each) for each in won["balance_transactions"]] == [(-4050, "eur", 0.9), (4050, "eur", 0.9)]


def test_a_dispute_may_be_in_another_currency_than_its_charge(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session, "jpy", 5000)
    dispute = sandbox.dispute(charge, amount=3350, currency="usd", exchange_rate=1.5)
    assert (dispute["amount"], dispute["currency"]) == (3350, "usd")
    assert [read(each) for each in dispute["balance_transactions"]] == [(-5025, "jpy", 1.5)]


@pytest.mark.usefixtures("_in_euros")
def test_a_dispute_in_the_balances_own_currency_is_not_converted(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    dispute = sandbox.dispute(pay_in(sandbox, make_session), amount=3900, currency="eur")
    assert [read(each) for each in dispute["balance_transactions"]] == [(-3900, "eur", None)]


def test_an_inquiry_keeps_its_rate_until_the_money_is_taken(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    charge = pay_in(sandbox, make_session)
    inquiry = sandbox.dispute(charge, amount=150, currency="eur", exchange_rate=1.1, inquiry=True)
    assert (inquiry["currency"], inquiry["balance_transactions"]) == ("eur", [])
    taken = sandbox.escalate_dispute(inquiry["id"])["balance_transactions"]
    assert [read(each) for each in taken] == [(-165, "usd", 1.1)]
