"""Cards saved at the local Stripe, and charged with a click."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import requests

from accounts.models import User
from billing.checkout.starting import StartedPurchase
from billing.customers.methods import shown_methods
from credits.ledger.operations import open_account
from tests.support.builders import start
from tests.support.sandbox import Sandbox

ASKS_EACH_TIME, DECLINES, STOLEN = "4000002760003184", "4000000000000341", "4000000000009979"


def save_card(sandbox: Sandbox, user: User, number: str = "4242424242424242") -> UUID:
    """Saves a card in a checkout, then gives the customer this one in its place."""
    sandbox.pay(start(user).session_id, save=True)
    sandbox.wait_for_webhooks()
    account = open_account(user)
    if number != "4242424242424242":
        replace_card(sandbox, user, number)
        sandbox.wait_for_webhooks()
    return next(shown.row.pk for shown in shown_methods(account) if shown.row.last4 == number[-4:])


def replace_card(sandbox: Sandbox, user: User, number: str) -> None:
    """Gives the user's customer this default card in place of the old one."""
    sandbox.replace_card(str(open_account(user).customer.stripe_customer_id), number)


def click(user: User, card: UUID, key: str = "click", **order: Any) -> StartedPurchase:
    return start(user, "standard", card_id=card, idempotency_key=key, **order)


def charges(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [intent for intent in sandbox.objects("payment_intent") if intent["metadata"].get("consent_id")]


def confirm_at_bank(url: str, answer: str = "complete") -> str:
    """Answers the bank's page; gives the address that it leads back to."""
    response = requests.post(url, data={"answer": answer}, allow_redirects=False, timeout=10)
    assert response.status_code == 303, response.text
    return response.headers["Location"]
