"""Do what buyers, services, Stripe and staff do in a rehearsal, on the database of the settings.

Import it once Django is set up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from django.core.management import call_command
from django.db import connection, connections

from accounts.models import User
from billing.auto_top_up.attempts import top_up
from billing.auto_top_up.models import AutoTopUp
from billing.auto_top_up.setting import Wish, turn_on
from billing.auto_top_up.watching import watch
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import start_purchase
from billing.checkout.success import confirm_session
from billing.customers.methods import refresh_methods
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.models import ReconciliationFinding
from credits.ledger import operations as ledger
from credits.ledger.models import Account

SOURCE = PurchaseEvent.Source.SUCCESS_PAGE
CARD = "4242424242424242"


@dataclass(frozen=True)
class Spending:
    """A service's order to spend, which it keeps until it has the answer, and repeats by its key."""

    account: Any
    key: str
    amount: Decimal = Decimal("12.5")


class Stripe:
    """The local Stripe: it knows nothing of backups, and goes on while the database is away."""

    def __init__(self, url: str) -> None:
        self.url = url

    def pay(self, session_id: str, *, save: bool = False) -> None:
        """Pay with a card, and save it if asked to."""
        self._post(f"/_sandbox/checkout/sessions/{session_id}/pay", json={"card": CARD, "save": save})

    def refund(self, payment_intent: str) -> None:
        """Refund a payment in full, as staff do in Stripe's dashboard."""
        key = "sk_test_sandboxsandboxsandboxsandbox"
        self._post("/v1/refunds", data={"payment_intent": payment_intent}, auth=(key, ""))

    def session(self, session_id: str) -> Any:
        return next(one for one in self._objects("checkout.session") if one["id"] == session_id)

    def charges(self) -> list[Any]:
        """Return the payments that a saved card was charged for."""
        return [one for one in self._objects("payment_intent") if "consent_id" in one["metadata"]]

    def _objects(self, kind: str) -> list[Any]:
        answer = requests.get(f"{self.url}/_sandbox/objects/{kind}", timeout=30)
        answer.raise_for_status()
        found: list[Any] = answer.json()["data"]
        return found

    def _post(self, path: str, **order: Any) -> None:
        requests.post(self.url + path, timeout=30, **order).raise_for_status()


def open_checkout(buyer: User, package: str) -> str:
    """Begin a purchase; return its session, which nobody has paid yet."""
    return start_purchase(buyer, PurchaseOrder(package), SOURCE).session_id


def return_from_checkout(buyer: User, session_id: str) -> None:
    """Open the success page after paying, which credits the purchase."""
    confirm_session(buyer, session_id, SOURCE)


def sell(stripe: Stripe, buyer: User, package: str) -> str:
    """Sell a package from checkout to credits; return the session."""
    session_id = open_checkout(buyer, package)
    stripe.pay(session_id)
    return_from_checkout(buyer, session_id)
    return session_id


def sell_with_top_up(stripe: Stripe, buyer: User, package: str, threshold: int) -> None:
    """Sell a package and save the card, then have the package bought again below ``threshold`` credits."""
    session_id = open_checkout(buyer, package)
    stripe.pay(session_id, save=True)
    return_from_checkout(buyer, session_id)
    account = account_of(buyer)
    refresh_methods(account)
    turn_on(buyer, account, Wish(Decimal(threshold), Decimal(100), consents=True, package_code=package))


def work_on_top_ups() -> int:
    """Do what the worker does every few seconds; return how many top-ups were due."""
    due = watch()
    for each in AutoTopUp.objects.exclude(asked_at=None):
        top_up(each.pk)
    return due


def spend(orders: Iterable[Spending]) -> int:
    """Spend, or repeat by the same keys; return how many weren't there yet."""
    done = [ledger.spend(one.account, one.amount, key=one.key) for one in orders]
    return sum(not one.repeated for one in done)


def account_of(buyer: User) -> Account:
    return ledger.open_account(buyer)


def balances() -> dict[str, Decimal]:
    """Return each buyer's balance by username."""
    accounts = Account.objects.filter(owner__isnull=False).select_related("owner")
    return {account.owner.username: account.balance for account in accounts if account.owner}


def database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def forget_connections() -> None:
    """Close every connection to a server that is no more."""
    connections.close_all()
    for each in connections.all():
        each.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's


def run(*command: str, **options: Any) -> tuple[int, str]:
    """Run a command of manage.py; return its exit status and what it said."""
    said = io.StringIO()
    try:
        call_command(*command, stdout=said, stderr=said, **options)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def head_of(said: str) -> str:
    """Return the head at the end of what `check_ledger` says."""
    return said.strip().rpartition("head ")[2]


def open_issues(kind: str) -> list[str]:
    """Return what the open issues of a kind are about: Stripe's ids."""
    waiting = ReconciliationFinding.objects.filter(kind=kind, state=ReconciliationFinding.State.WAITING)
    return [issue.object_id for issue in waiting]


def grants_file(lost: Iterable[Any], path: Path) -> None:
    """Write what staff would: a line for each checkout or payment whose purchase is lost, as its metadata says."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["account", "amount", "key", "reason"])
        for each in lost:
            told = each["metadata"]
            account = account_of(User.objects.get(pk=told["user_id"]))
            reason = "Purchase lost in a restore"
            lines.writerow([account.pk, told["credits"], f"lost:{told['purchase_id']}", reason])


def credits_of(package: str) -> Decimal:
    """Return what a package brings."""
    return Purchase.objects.filter(package_code=package).latest("created_at").credits
