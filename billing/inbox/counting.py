"""Count Stripe's deliveries by what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from billing.inbox.models import InboxEvent
from core.errors import DomainError

DELIVERIES = Counter(
    "credits_webhook_deliveries_total",
    "Deliveries to the webhook by result: the event's status, or refused (not proven to be Stripe's) or limited.",
    ["result"],
)
REFUSED, LIMITED = "refused", "limited"

# Shown at 0, so that a first one is a rise.
for _result in (*InboxEvent.Status.values, REFUSED, LIMITED):
    DELIVERIES.labels(_result)


class Delivery:
    """A delivery under way; ``status`` is its event's, once it is stored."""

    status: InboxEvent.Status = InboxEvent.Status.FAILED


@contextmanager
def counting_delivery() -> Iterator[Delivery]:
    """Count one delivery: by its status, or as failed or refused if an error ends it."""
    delivery = Delivery()
    try:
        yield delivery
    except DomainError as error:
        DELIVERIES.labels(REFUSED if error.status < 500 else InboxEvent.Status.FAILED.value).inc()
        raise
    except Exception:
        DELIVERIES.labels(InboxEvent.Status.FAILED.value).inc()
        raise
    DELIVERIES.labels(delivery.status.value).inc()


def count_limited() -> None:
    """Count a delivery that was turned away because too many came from its address."""
    DELIVERIES.labels(LIMITED).inc()
