"""Define a page of a run."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from billing.checkout.closing import Finding, Report
from billing.provider.interface import ListPage
from billing.purchases.log import Source
from billing.purchases.models import PurchaseEvent

SOURCE = Source(PurchaseEvent.Source.RECONCILIATION)


@dataclass(kw_only=True)
class Page(Report):
    """A page of a run, and its outcome. ``stage`` and ``cursor`` say where it begins, then where the next one does
    (an empty stage: it was the last). ``reached`` is when the page's oldest row was created; ``seen`` are the
    purchases of its sessions, invoices and charges, ``seen_subscriptions`` its subscriptions. ``beat`` is called before
    slow work, and may raise to stop it.
    """

    run_id: int
    start: datetime.datetime
    end: datetime.datetime
    stage: str
    cursor: str
    beat: Callable[[], None]
    payments: int = 0
    invoices: int = 0
    subscriptions: int = 0
    reached: datetime.datetime | None = None
    seen: set[UUID] = field(default_factory=set)
    seen_subscriptions: set[UUID] = field(default_factory=set)

    def move_on(self, listed: ListPage[Any]) -> None:
        """Move the cursor, and report unreadable objects, which don't stop the comparison."""
        self.cursor = listed.last_id
        self.reached = min((each.created for each in listed.items), default=None)
        for object_id, reason in listed.unreadable.items():
            self.open.append(Finding("unreadable_at_stripe", f"{object_id}: {reason}", object_id=object_id))
