"""What a payment was made with, as its payment method and its charge show it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession
from tests.support.sandbox import Sandbox


def details_of(client: stripe.StripeClient, answer: dict[str, Any], kind: str) -> dict[str, Any]:
    """What the charge says of a card or a bank account. Its payment method says the same, and more."""
    charge = client.v1.charges.retrieve(answer["payment_intent"]["latest_charge"]).to_dict()
    method = client.v1.payment_methods.retrieve(charge["payment_method"]).to_dict()
    assert (charge["payment_method_details"]["type"], method["type"]) == (kind, kind)
    details: dict[str, Any] = charge["payment_method_details"][kind]
    shared = {"brand", "last4", "fingerprint", "wallet", "bank_code", "country"} & set(details)
    assert {name: method[kind][name] for name in shared} == {name: details[name] for name in shared}
    return details


def test_a_charge_carries_its_card_and_the_metadata_of_its_intent(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session(payment_intent_data={"metadata": {"purchase": "7"}, "description": "A pack"})
    answer = sandbox.pay(session.id)
    card = details_of(client, answer, "card")
    assert (card["brand"], card["last4"], card["wallet"]) == ("visa", "4242", None)
    charge = client.v1.charges.retrieve(answer["payment_intent"]["latest_charge"]).to_dict()
    assert (charge["metadata"], charge["description"]) == ({"purchase": "7"}, "A pack")


def test_a_fingerprint_is_the_cards_own(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    cards = ("4242424242424242", "4242424242424242", "4000000000007726")
    seen = [details_of(client, sandbox.pay(make_session().id, card), "card")["fingerprint"] for card in cards]
    assert (seen[0] == seen[1], seen[0] == seen[2]) == (True, False)


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay", "link"])
def test_a_wallet_hands_over_a_card(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession, wallet: str
) -> None:
    answer = sandbox.pay(make_session().id, "4242424242424242", wallet=wallet)
    card = details_of(client, answer, "card")
    assert card["wallet"] == {"dynamic_last4": None, "type": wallet, wallet: {}}
    assert (card["brand"], card["last4"]) == ("visa", "4242")


def test_a_wallet_that_nobody_knows_is_refused(sandbox: Sandbox, make_session: MakeSession) -> None:
    address = f"{sandbox.url}/_sandbox/checkout/sessions/{make_session().id}/pay"
    refused = requests.post(address, json={"wallet": "purse"}, timeout=5)
    assert refused.status_code == 400
    assert sandbox.objects("payment_intent") == []


def test_a_bank_debit_carries_its_bank_and_account(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    details = details_of(client, sandbox.pay_later(make_session().id), "sepa_debit")
    assert (details["bank_code"], details["last4"], details["country"]) == ("37040044", "3000", "DE")
    assert set(details) == {"bank_code", "branch_code", "country", "fingerprint", "last4", "mandate"}
