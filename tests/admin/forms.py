"""Forms and dialogs of the admin, filled in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.test import Client

from billing.packages.models import Package
from credits.ledger.models import Account
from tests.admin.pages import button_of


def form_of(package: Package, **changes: Any) -> dict[str, Any]:
    fields = {
        "name": package.name,
        "description": "",
        "credits": "1000",
        "price": "10.00",
        "currency": package.currency,
        "is_active": "on",
        "badge": "",
        "display_order": "1",
        "validity_days": "",
        "prices-TOTAL_FORMS": "0",
        "prices-INITIAL_FORMS": "0",
        "asked_prices-TOTAL_FORMS": "0",
        "asked_prices-INITIAL_FORMS": "0",
        "bonus_credits": "0",
    }
    return {**fields, **changes}


ADJUST, APPROVE, DECLINE, UNDO = "adjust", "approve", "decline", "undo"


def adjust(client: Client, account: Account, amount: str = "5", **fields: str) -> Any:
    """Fills in the dialog on the account's page."""
    answers = {
        "_form_submitted": "True",
        "key": str(uuid4()),
        "what": "give",
        "amount": amount,
        "reason": "A job that failed",
        **fields,
    }
    return client.post(button_of(account, ADJUST), answers)
