"""Background work. Jobs live in PostgreSQL: one that is deferred inside a transaction commits or rolls back with it."""

from __future__ import annotations

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from billing.stripe_objects import StripeEvent

# Seconds after each failure: 10, 310, 610, …: some two days in all, like Stripe's own retries.
PATIENTLY = RetryStrategy(max_attempts=35, wait=10, linear_wait=300)


@app.task(name="billing.send_confirmation", retry=PATIENTLY)
def send_confirmation(purchase_id: str) -> None:
    """Sends the purchase's confirmation, once."""
    from billing.confirmation import send_purchase_confirmation

    send_purchase_confirmation(UUID(purchase_id))


@app.task(name="billing.mirror_event", retry=PATIENTLY)
def mirror_event(event_id: str) -> None:
    """Hands a stored event to dj-stripe's mirror."""
    from billing.mirroring import mirror_stored_event

    mirror_stored_event(event_id)


@app.periodic(cron="*/5 * * * *")
@app.task(name="billing.sweep", queueing_lock="billing.sweep", lock="billing.sweep")
def sweep(timestamp: int) -> None:
    """Settles purchases that have been open for too long (see `billing.reconciliation`)."""
    from billing.reconciliation import sweep_open_purchases

    sweep_open_purchases()


def defer_mirroring(event: StripeEvent) -> None:
    """Defers `mirror_event` for an event whose object dj-stripe mirrors. The same object's events take turns."""
    from billing.stripe_mirror import is_mirrored

    if is_mirrored(event.type):
        mirror_event.configure(lock=f"mirror:{event.subject.get('id', event.id)}").defer(event_id=event.id)
