"""Hides personal data in our copies of what Stripe holds of one buyer: in the inbox, and in dj-stripe's mirror.

What is left tells what happened (`billing.personal_data`): an event that is applied again has the same effect. Nothing
is deleted, and nobody calls Stripe: what Stripe itself holds is redacted there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from djstripe import models as djstripe

from billing.buyer_traces import Traces, leads_of
from billing.models import InboxEvent
from billing.personal_data import masked, masked_text
from config.row_batches import ROWS_AT_ONCE

SUBJECT = "(payload #> '{data,object}')"
MIRRORED = [
    djstripe.Customer,
    djstripe.Session,
    djstripe.PaymentIntent,
    djstripe.Charge,
    djstripe.PaymentMethod,
    djstripe.Refund,
    djstripe.Dispute,
]


def hide_stripe_copies(traces: Traces) -> dict[str, int]:
    """Hides what is personal in all copies about the buyer, in the caller's transaction; safe to repeat. How many rows
    of which kind were about them. Reads both the inbox and the mirror from end to end: neither is found by its content.
    """
    traces = traces.and_ids(_further_ids(traces))
    hidden = {"webhook events": _hide_in_inbox(traces)}
    for model in MIRRORED:
        hidden[f"mirrored {model._meta.verbose_name_plural}"] = _hide_in_mirror(model, traces)
    hidden["mirrored events"] = _hide_in_mirrored_events(traces)
    return {kind: rows for kind, rows in hidden.items() if rows}


def count_stripe_copies(traces: Traces) -> dict[str, int]:
    """How many rows `hide_stripe_copies` would find; changes nothing."""
    traces = traces.and_ids(_further_ids(traces))
    found = {"webhook events": len(_inbox_keys(traces))}
    for model in MIRRORED:
        found[f"mirrored {model._meta.verbose_name_plural}"] = len(_mirror_keys(model, traces))
    found["mirrored events"] = len(_keys(djstripe.Event, "(data -> 'object')", traces))
    return {kind: rows for kind, rows in found.items() if rows}


def _further_ids(traces: Traces) -> set[str]:
    """What the objects known so far name besides: a card's payment method is known by its charge alone."""
    found: set[str] = set()
    for batch in _batches(_inbox_keys(traces)):
        for payload in InboxEvent.objects.filter(pk__in=batch).values_list("payload", flat=True):
            found |= leads_of(payload["data"]["object"])
    for model in MIRRORED:
        for batch in _batches(_mirror_keys(model, traces)):
            for data in model.objects.filter(pk__in=batch).values_list("stripe_data", flat=True):
                found |= leads_of(data)
    return found


def _hide_in_inbox(traces: Traces) -> int:
    keys = _inbox_keys(traces)
    # In the order of the key, as every lock here.
    for batch in _batches(keys):
        for event in InboxEvent.objects.select_for_update(of=("self",)).filter(pk__in=batch).order_by("pk"):
            event.payload, event.note = masked(event.payload), masked_text(event.note)
            event.save(update_fields=["payload", "note"])
    return len(keys)


def _hide_in_mirror(model: type[Any], traces: Traces) -> int:
    """By UPDATE and not by dj-stripe's own save or delete, which may call Stripe."""
    keys = _mirror_keys(model, traces)
    for batch in _batches(keys):
        for row in model.objects.filter(pk__in=batch):
            hidden = {"stripe_data": masked(row.stripe_data), "metadata": masked(row.metadata)}
            if model is djstripe.Customer:
                hidden["email"] = ""
            model.objects.filter(pk=row.pk).update(**hidden)
    return len(keys)


def _hide_in_mirrored_events(traces: Traces) -> int:
    keys = _keys(djstripe.Event, "(data -> 'object')", traces)
    for batch in _batches(keys):
        for event in djstripe.Event.objects.filter(pk__in=batch):
            hidden = {"stripe_data": masked(event.stripe_data), "data": masked(event.data)}
            djstripe.Event.objects.filter(pk=event.pk).update(**hidden)
    return len(keys)


def _inbox_keys(traces: Traces) -> list[Any]:
    return _keys(InboxEvent, SUBJECT, traces)


def _mirror_keys(model: type[Any], traces: Traces) -> list[Any]:
    return _keys(model, "stripe_data", traces)


def _keys(model: type[Any], objects: str, traces: Traces) -> list[Any]:
    condition, arguments = traces.condition(objects)
    table, key = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        # Names of our own code alone are put into the statement.
        cursor.execute(f'SELECT "{key}" FROM "{table}" WHERE {condition} ORDER BY 1', arguments)  # noqa: S608
        return [key for (key,) in cursor.fetchall()]


def _batches(keys: list[Any]) -> Iterator[list[Any]]:
    return (keys[place : place + ROWS_AT_ONCE] for place in range(0, len(keys), ROWS_AT_ONCE))
