"""Sell, spend, and look at the outcome."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from accounts.models import User
from billing.purchases.models import Purchase
from billing.refunds.models import Dispute, Refund
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback
from tests.billing.reporting import deliver
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

CARD = "4242424242424242"


def open_and_sell(sandbox: Sandbox) -> Purchase:
    put_on_sale()
    sandbox.hold_webhooks()
    return buy(sandbox, UserFactory.create())


def buy(sandbox: Sandbox, buyer: User, package: str = "standard", card: str = CARD) -> Purchase:
    """A purchase that is paid and credited."""
    started = start(buyer, package)
    sandbox.pay(started.session_id, card)
    deliver(sandbox)
    return Purchase.objects.get(stripe_session_id=started.session_id)


def spend(purchase: Purchase, amount: str | int, key: str = "job") -> None:
    ledger.spend(purchase.account_id, Decimal(amount), key=key)


def balance(purchase: Purchase) -> Any:
    """A number, untyped: it is compared with plain ones."""
    return Account.objects.get(pk=purchase.account_id).balance


def fresh(purchase: Purchase) -> Any:
    return Purchase.objects.get(pk=purchase.pk)


def charge_of(sandbox: Sandbox, paid: Purchase | str) -> str:
    """The id of the charge of a purchase's payment, or of this one."""
    intent = paid if isinstance(paid, str) else paid.stripe_payment_intent_id
    charges = sandbox.objects("charge")
    return str(next(c["id"] for c in charges if c["paid"] and c["payment_intent"] == intent))


def came(each: Refund | Dispute) -> tuple[Any, ...]:
    """Of the credits that a refund or dispute claims back: taken, pending, owed, waived."""
    row = Clawback.objects.filter(pk=each.pk).first() or Clawback()
    return row.taken, row.pending, row.owed, row.waived
