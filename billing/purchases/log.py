"""Change a purchase and record the change, together, under its row lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from billing.purchases.counting import count_change
from billing.purchases.models import Purchase, PurchaseEvent
from core.database.locks import require_transaction


@dataclass(frozen=True)
class Source:
    """The cause of a change, with the Stripe event or staff member to trace it by."""

    kind: PurchaseEvent.Source
    stripe_event_id: str = ""
    actor_id: UUID | None = None


@dataclass(frozen=True)
class Change:
    """A change of a purchase: ``what`` happened, the new status (None: unchanged) and details for readers."""

    what: str
    status: Purchase.Status | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def lock_purchase(purchase_id: UUID) -> Purchase:
    """Return the purchase, with its buyer, locked until the transaction ends.

    Raises:
        Purchase.DoesNotExist: there is none.
        RuntimeError: no transaction is open, so the lock would hold nothing.
    """
    require_transaction()
    return Purchase.objects.select_related("user").select_for_update(of=("self",)).get(pk=purchase_id)


def record(purchase: Purchase, change: Change, source: Source) -> None:
    """Append the change to the purchase's events and save the purchase. The caller holds its lock."""
    require_transaction()
    before = purchase.status
    if change.status is not None:
        purchase.status = change.status
    purchase.save()
    PurchaseEvent.objects.create(
        purchase=purchase,
        what=change.what,
        from_status=before,
        to_status=purchase.status,
        source=source.kind,
        detail=change.detail,
        stripe_event_id=source.stripe_event_id,
        actor_id=source.actor_id,
    )
    count_change(purchase, change.what, before, source.kind)
