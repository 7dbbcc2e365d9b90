"""Hide one buyer's personal data in our copies of Stripe's data: the inbox and dj-stripe's mirror.

The rest still shows what happened (`billing.stripe.masking`), so that reprocessing an event has the same effect.
Nothing is deleted, and Stripe isn't called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL
from djstripe import models as djstripe

from billing.inbox.models import InboxEvent
from billing.purchases.buyer_traces import Traces, leads_among, leads_of
from billing.stripe.masking import masked, masked_text
from core.database.row_batches import ROWS_AT_ONCE


@dataclass(frozen=True)
class Copies:
    """A table of copies: its label, the SQL for a row's Stripe object, and the JSON and text columns to hide."""

    called: str
    model: type[Any]
    object: str
    json: tuple[str, ...]
    text: tuple[str, ...] = ()

    def of_keys(self, keys: set[Any]) -> Iterator[QuerySet[Any]]:
        """Yield the rows of these keys in the order of locking, some thousands at a time."""
        ordered = sorted(keys)
        for place in range(0, len(ordered), ROWS_AT_ONCE):
            yield self.model.objects.filter(pk__in=ordered[place : place + ROWS_AT_ONCE]).order_by("pk")


def _mirrored(model: type[Any], *text: str) -> Copies:
    return Copies(
        f"mirrored {model._meta.verbose_name_plural}", model, "stripe_data", ("stripe_data", "metadata"), text
    )


COPIES = [
    Copies("webhook events", InboxEvent, "payload #> '{data,object}'", ("payload",), ("note",)),
    _mirrored(djstripe.Customer, "email"),
    _mirrored(djstripe.Session),
    _mirrored(djstripe.PaymentIntent),
    _mirrored(djstripe.Charge),
    _mirrored(djstripe.PaymentMethod),
    _mirrored(djstripe.Refund),
    _mirrored(djstripe.Dispute),
    Copies("mirrored events", djstripe.Event, "data -> 'object'", ("stripe_data", "data")),
]


def hide_stripe_copies(traces: Traces) -> dict[str, int]:
    """Hide personal data in all copies about the buyer, and return the number of rows by kind. Runs in the caller's
    transaction, is safe to repeat, and reads all of the inbox and the mirror.
    """
    found = _about(traces)
    for copies, keys in found:
        for rows in copies.of_keys(keys):
            for row in rows.select_for_update(of=("self",)):
                _hide(copies, row)
    return {copies.called: len(keys) for copies, keys in found if keys}


def count_stripe_copies(traces: Traces) -> dict[str, int]:
    """Return how many rows `hide_stripe_copies` would find, without changing any."""
    return {copies.called: len(keys) for copies, keys in _about(traces) if keys}


def _about(traces: Traces) -> list[tuple[Copies, set[Any]]]:
    """Return the keys of all rows about the buyer: those that the traces find, and those that these name, as a
    guest's card is known by its charge alone.
    """
    found = [(copies, _keys(copies, *traces.condition())) for copies in COPIES]
    further = set().union(*(_leads(copies, keys) for copies, keys in found)) - traces.ids
    if further:
        named = leads_among(further)
        found = [(copies, keys | _keys(copies, *named)) for copies, keys in found]
    return found


def _leads(copies: Copies, keys: set[Any]) -> set[str]:
    found: set[str] = set()
    for rows in copies.of_keys(keys):
        for row in rows.annotate(stripe_object=RawSQL(copies.object, [], JSONField())):  # noqa: S611 - our own SQL
            found |= leads_of(row.stripe_object)
    return found


def _hide(copies: Copies, row: Any) -> None:
    """Update the row with SQL: dj-stripe's own save and delete may call Stripe."""
    hidden = {name: masked(getattr(row, name)) for name in copies.json}
    hidden |= {name: masked_text(getattr(row, name)) for name in copies.text if getattr(row, name)}
    copies.model.objects.filter(pk=row.pk).update(**hidden)


def _keys(copies: Copies, condition: str, arguments: list[Any]) -> set[Any]:
    """Extract the object once per row, not once per part of the condition."""
    table, key = copies.model._meta.db_table, copies.model._meta.pk.column
    taken_out = f"SELECT {copies.object} AS object OFFSET 0"
    with connection.cursor() as cursor:
        # Only names and expressions from our own code are interpolated.
        cursor.execute(
            f'SELECT "{key}" FROM "{table}" CROSS JOIN LATERAL ({taken_out}) taken WHERE {condition}',  # noqa: S608
            arguments,
        )
        return {key for (key,) in cursor.fetchall()}
