"""Accounts with a saved card and an automatic top-up, and what happened to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from accounts.models import User
from billing.auto_top_up.attempts import top_up
from billing.auto_top_up.models import AutoTopUp
from billing.auto_top_up.setting import Wish, turn_on
from billing.auto_top_up.watching import watch
from billing.customers.methods import make_default, shown_methods
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from tests.support.builders import start
from tests.support.sandbox import Sandbox

VISA = "4242424242424242"
DECLINES, STOLEN, ASKS_EACH_TIME = "4000000000000341", "4000000000009979", "4000002760003184"


def save_card(sandbox: Sandbox, user: User, number: str = VISA, **order: Any) -> Account:
    """Buys a starter pack (1,000 credits, $10), with the card saved; ``number`` is then the card in its place."""
    started = start(user, **order)
    sandbox.pay(started.session_id, save=True)
    sandbox.wait_for_webhooks()
    account = started.purchase.account
    if number != VISA:
        replace_card(sandbox, account, number)
    return account


def replace_card(sandbox: Sandbox, account: Account, number: str) -> None:
    account.refresh_from_db()
    customer = account.customer
    if not customer.default_method:
        make_default(account, shown_methods(account)[0].row.pk)
    sandbox.replace_card(str(customer.stripe_customer_id), number)
    sandbox.wait_for_webhooks()


def set_up(user: User, account: Account, threshold: int = 500, limit: int = 100, **wish: Any) -> AutoTopUp:
    """Starter packs below 500 credits, for $100 a month at most."""
    if "amount" not in wish:
        wish["package_code"] = "starter"
    order = Wish(Decimal(threshold), Decimal(limit), consents=True, **wish)
    return turn_on(user, account, order)


def spend_all_but(account: Account, left: int, key: str = "spend") -> None:
    account.refresh_from_db()
    ledger.spend(account.pk, account.balance - left, key=key, reference="job")


def tick() -> int:
    """Watches, and runs what was asked for, as the worker does."""
    asked = watch()
    for row in AutoTopUp.objects.exclude(asked_at=None):
        top_up(row.pk)
    return asked


def off_session(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The payments that were tried without the customer."""
    calls = [
        call
        for call in sandbox.calls()
        if call["path"] == "/v1/payment_intents"
        and call["method"] == "POST"
        and "off_session" in call["params"]
    ]
    keys = {call["idempotency_key"] for call in calls}
    return [{"key": key} for key in keys]


def paid(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The automatic payments that took money."""
    intents = sandbox.objects("payment_intent")
    return [each for each in intents if each["metadata"].get("consent_id") and each["status"] == "succeeded"]
