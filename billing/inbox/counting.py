"""Count Stripe's deliveries by what came of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import Counter

from billing.inbox.models import InboxEvent
from core.errors import DomainError

DELIVERIES = Counter(
    "credits_webhook_deliveries_total",
    "Deliveries to the webhook by result: the event's status, or refused (not proven to be Stripe's), unsigned "
    "(refused, and without a signature) or limited.",
    ["result"],
)
REFUSED, UNSIGNED, LIMITED = "refused", "unsigned", "limited"

# Shown at 0, so that a first one is a rise.
for _result in (*InboxEvent.Status.values, REFUSED, UNSIGNED, LIMITED):
    DELIVERIES.labels(_result)


@dataclass
class Delivery:
    """A delivery under way: whether it carries a signature, whether that was verified, and its event's ``status``, once
    it is stored.
    """

    is_signed: bool
    is_verified: bool = False
    status: InboxEvent.Status = InboxEvent.Status.FAILED


@contextmanager
def counting_delivery(is_signed: bool) -> Iterator[Delivery]:
    """Count one delivery: by its status, or as failed, refused or unsigned if an error ends it.

    What is verified is Stripe's, so an error of ours is a failure then, whatever status it is answered with.
    """
    delivery = Delivery(is_signed)
    try:
        yield delivery
    except Exception as error:
        is_refused = isinstance(error, DomainError) and error.status < 500 and not delivery.is_verified
        refusal = REFUSED if delivery.is_signed else UNSIGNED
        DELIVERIES.labels(refusal if is_refused else InboxEvent.Status.FAILED.value).inc()
        raise
    DELIVERIES.labels(delivery.status.value).inc()


def count_limited() -> None:
    """Count a delivery that was turned away because too many came from its address."""
    DELIVERIES.labels(LIMITED).inc()
