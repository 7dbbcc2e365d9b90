"""Purchases that were paid, and what stands in a PDF."""

from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pypdf import PdfReader

from accounts.models import User
from accounts.teams.models import Team
from billing.checkout.fulfilment import fulfil_purchase
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.refunds.models import Refund
from credits.ledger import operations as ledger
from tests.support.builders import paid_report

SOURCE = Source(PurchaseEvent.Source.WEBHOOK)


def pending(user: User, team: Team | None = None, **fields: Any) -> Purchase:
    """A purchase whose checkout is open: 5,000 credits for $45.00 instead of $50.00, in a sale."""
    values: dict[str, Any] = {
        "package_code": "standard",
        "package_name": "Standard",
        "credits": Decimal(5000),
        "price_minor": 4500,
        "list_price_minor": 5000,
        "currency": "usd",
        "discount_percentage": Decimal(10),
        "sale_name": "Spring sale",
        "sale_minor": 500,
    }
    values["account"] = ledger.open_team_account(team) if team else ledger.open_account(user)
    return Purchase.objects.create(user=user, **{**values, **fields})


def paid(
    user: User, team: Team | None = None, *, told: Mapping[str, Any] | None = None, **fields: Any
) -> Purchase:
    """The same, paid and credited. ``told`` is what Stripe says of the payment otherwise: ``at``, ``charge``."""
    purchase = pending(user, team, **fields)
    return fulfil_purchase(purchase.pk, paid_report(purchase, **(told or {})), SOURCE)


def refunded(purchase: Purchase, amount_minor: int = 1500, **fields: Any) -> Refund:
    """A refund as it stands once it has arrived; the books of credits are left alone."""
    values: dict[str, Any] = {
        "status": Refund.Status.SUCCEEDED,
        "made_at": purchase.completed_at,
        "settled_at": purchase.completed_at,
        "stripe_refund_id": f"re_{purchase.pk.hex}{amount_minor}",
    }
    payment = purchase.accepted_payment
    assert payment is not None
    return Refund.objects.create(
        payment=payment,
        amount_minor=amount_minor,
        counted_minor=amount_minor,
        currency=purchase.currency,
        policy=Refund.Policy.CAP,
        origin=Refund.Origin.STRIPE,
        **{**values, **fields},
    )


def text_of(pdf: bytes) -> str:
    """Everything that can be read in it."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
