"""What must be true of the books at any moment, read from the local Stripe, the purchases and the ledger."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from billing.purchases.models import Purchase
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.support.sandbox import Sandbox

SETTLED = {"paid", "no_payment_required"}


def paid_purchases(sandbox: Sandbox) -> set[str]:
    """The ids of the purchases whose payment Stripe has, by a checkout or by a saved card."""
    checkouts = {
        session["metadata"]["purchase_id"]
        for session in sandbox.objects("checkout.session")
        if session["payment_status"] in SETTLED and session["mode"] == "payment"
    }
    charged = {
        intent["metadata"]["purchase_id"]
        for intent in sandbox.objects("payment_intent")
        if "consent_id" in intent["metadata"] and intent["status"] == "succeeded"
    }
    return checkouts | charged


def times_credited() -> Counter[str]:
    """How often each purchase was credited, by its id, whatever key the entry stands under."""
    return Counter(Entry.objects.filter(kind=Entry.Kind.PURCHASE).values_list("reference", flat=True))


def check_books(sandbox: Sandbox) -> None:
    """No purchase credited twice, none unpaid credited, and what was bought is what there is."""
    assert list(find_violations()) == []
    credited = times_credited()
    assert all(times == 1 for times in credited.values()), f"credited more than once: {credited}"
    unpaid = set(credited) - paid_purchases(sandbox)
    assert not unpaid, f"credited and not paid: {unpaid}"
    completed = Purchase.objects.filter(status=Purchase.Status.COMPLETED)
    assert {str(purchase.pk) for purchase in completed} == set(credited)
    balances: dict[Any, Decimal] = dict(Account.objects.values_list("pk", "balance"))
    bought = dict.fromkeys(balances, Decimal(0))
    for purchase in completed:
        bought[purchase.account_id] += purchase.credits
    assert balances == bought


def check_settled_books(sandbox: Sandbox) -> None:
    """As `check_books`, and each paid purchase has its credits."""
    check_books(sandbox)
    assert set(times_credited()) == paid_purchases(sandbox)
