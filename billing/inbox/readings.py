"""Read what waits in the inbox, and which payments brought no credits, for Prometheus and for the site's health.

All of it is found by partial indexes on what is unfinished, however many events and purchases are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from prometheus_client.core import GaugeMetricFamily

from billing.inbox.models import InboxEvent
from core.monitoring.health import register_check
from core.monitoring.readings import gauge, labelled, register_reader

Status = InboxEvent.Status
LATE_AFTER_S = 3600

# What is unmatched for longer becomes `not_ours`: so only the newest events are looked at for it.
WAITING = """
SELECT status, count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0) FROM (
    SELECT status, received_at FROM inbox_inboxevent WHERE status IN ('received', 'failed', 'unreadable')
    UNION ALL
    SELECT status, received_at FROM inbox_inboxevent
    WHERE status = 'unmatched' AND received_at > now() - interval '6 hours'
) waiting GROUP BY status
"""
# Payments that wait for staff; and those whose event failed, unless something else credited them since. A payment has
# several events, and counts once.
UNCREDITED = """
WITH held_back AS (
    SELECT y.stripe_payment_intent_id AS ref, y.paid_at AS at
    FROM purchases_purchase p JOIN purchases_payment y ON y.purchase_id = p.id
    WHERE p.attention <> '' AND y.state = 'paid' AND y.lot_id IS NULL
), failing AS (
    SELECT type, payment_ref, stripe_created, payload FROM inbox_inboxevent
    WHERE status IN ('received', 'failed', 'unreadable') ORDER BY received_at LIMIT 1000
), failed AS (
    SELECT coalesce(nullif(e.payment_ref, ''), e.payload -> 'data' -> 'object' ->> 'id') AS ref, e.stripe_created AS at
    FROM failing e
    WHERE e.type = ANY (%(types)s)
      AND NOT EXISTS (
        SELECT FROM purchases_payment y WHERE y.stripe_payment_intent_id = e.payment_ref AND y.lot_id IS NOT NULL
      )
      AND NOT EXISTS (
        SELECT FROM purchases_purchase p
        WHERE p.stripe_session_id = e.payload -> 'data' -> 'object' ->> 'id' AND p.completed_at IS NOT NULL
      )
)
SELECT count(DISTINCT ref), coalesce(extract(epoch FROM now() - min(at)), 0)
FROM (SELECT ref, at FROM held_back UNION ALL SELECT ref, at FROM failed) uncredited
"""
PAYING = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "payment_intent.succeeded",
    "invoice.paid",
]
# What staff must look at was paid: the sweeper leaves it to them, and it is counted above.
OPEN = """
SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0) FROM purchases_purchase
WHERE status = 'pending' AND attention = ''
"""
ATTENTION = "SELECT count(*) FROM purchases_purchase WHERE attention <> ''"


@dataclass(frozen=True)
class Waiting:
    """How many there are, and how many seconds the oldest has waited; 0 if there are none."""

    number: int
    oldest_s: float


def register() -> None:
    """Have these read at each scrape, and at a look at the site's health."""
    register_reader("inbox", _read_inbox)
    register_reader("payments", _read_payments)
    register_check("webhooks", _inbox_problem)
    register_check("payments", _payments_problem)


def waiting_events() -> dict[str, Waiting]:
    """Return the unfinished events by status."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING)
        found = {status: Waiting(number, float(age)) for status, number, age in cursor.fetchall()}
    return {
        status.value: found.get(status.value, Waiting(0, 0.0))
        for status in (*InboxEvent.NOT_APPLIED, Status.UNMATCHED)
    }


def uncredited_payments() -> Waiting:
    """Return the payments that we know of and that brought no credits, and how old the first is."""
    with connection.cursor() as cursor:
        cursor.execute(UNCREDITED, {"types": PAYING})
        number, age = cursor.fetchone()
    return Waiting(number, float(age))


def _read_inbox() -> Iterator[GaugeMetricFamily]:
    waiting = waiting_events()
    yield labelled(
        "credits_inbox_events",
        "Webhook events that aren't finished, by status.",
        "status",
        ((status, each.number) for status, each in waiting.items()),
    )
    yield gauge(
        "credits_inbox_oldest_age_seconds", "Age of the oldest event that isn't applied.", _oldest(waiting)
    )


def _oldest(waiting: dict[str, Waiting]) -> float:
    return max(waiting[status.value].oldest_s for status in InboxEvent.NOT_APPLIED)


def _read_payments() -> Iterator[GaugeMetricFamily]:
    uncredited = uncredited_payments()
    with connection.cursor() as cursor:
        cursor.execute(OPEN)
        open_s = float(cursor.fetchone()[0])
        cursor.execute(ATTENTION)
        (attention,) = cursor.fetchone()
    yield gauge("credits_uncredited_payments", "Payments without credits.", uncredited.number)
    yield gauge(
        "credits_uncredited_payment_oldest_age_seconds",
        "Age of the oldest payment without credits; 0 if there is none.",
        uncredited.oldest_s,
    )
    yield gauge(
        "credits_open_checkout_overdue_seconds",
        "For how long the oldest pending purchase could no longer be paid; 0 if all can.",
        max(0.0, open_s - settings.CHECKOUT_SESSION_LIFETIME.total_seconds()),
    )
    yield gauge("credits_purchases_needing_attention", "Purchases that staff must look at.", attention)


def _inbox_problem() -> str:
    oldest_s = _oldest(waiting_events())
    return f"the oldest event has waited {oldest_s:.0f} s to be applied" if oldest_s > LATE_AFTER_S else ""


def _payments_problem() -> str:
    number = uncredited_payments().number
    return f"{number} paid and not credited" if number else ""
