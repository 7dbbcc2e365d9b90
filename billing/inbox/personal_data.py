"""Export Stripe's events about a buyer. `billing.privacy.stripe_copies` redacts them with all other copies."""

from __future__ import annotations

import json
from collections.abc import Iterator

from accounts.models import User
from accounts.privacy.registry import File, PersonalData
from billing.inbox.models import InboxEvent
from core.database.row_batches import in_row_batches


def _stripe_events(user: User) -> Iterator[str]:
    """Export the events as Stripe sent them, one per line."""
    for batch in in_row_batches(InboxEvent.objects.filter(purchase__user=user), ["received_at", "id"]):
        for event in batch:
            yield json.dumps(event.payload, ensure_ascii=False) + "\n"


class InboxData(PersonalData):
    files = (
        File(
            "stripe-events.jsonl",
            "what the payment provider told us about your purchases, one event a line",
            ("inbox.InboxEvent",),
            _stripe_events,
        ),
    )
