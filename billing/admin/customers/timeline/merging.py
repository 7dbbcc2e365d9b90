"""Merge the sources of a timeline into pages, newest first: a query per source and page, however long the history.

The order is that of time, source and key. A page starts after the row that its URL names, so it neither counts nor
skips rows, and shows the same rows whatever is added meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.dateparse import parse_datetime

from accounts.audit.selectors import names_of
from billing.admin.customers.customer import Customer
from billing.admin.customers.timeline.source import Happening, Source
from core.database.keyset import behind

SEPARATOR = ","


@dataclass(frozen=True)
class Place:
    """The last row of a page: its time, the number of its source, and its key."""

    at: datetime
    rank: int
    key: Any


@dataclass(frozen=True)
class Page:
    """``beyond`` is the place in the next page's URL; empty on the last."""

    happenings: list[Happening]
    beyond: str


def read_place(sources: Sequence[Source], text: str) -> Place | None:
    """Parse a place in a URL. None: the first page, also for a place that makes no sense."""
    at, _separator, rest = text.partition(SEPARATOR)
    code, _separator, key = rest.partition(SEPARATOR)
    ranks = {source.code: rank for rank, source in enumerate(sources)}
    if code not in ranks:
        return None
    try:
        moment = parse_datetime(at)
        value = sources[ranks[code]].model._meta.pk.clean(key, None)
    except (ValidationError, ValueError):
        return None
    return Place(moment, ranks[code], value) if moment and moment.tzinfo else None


def page_of(
    customer: Customer, sources: Sequence[Source], shown: Sequence[Source], place: Place | None, size: int
) -> Page:
    """Return a page of those sources that are ``shown``."""
    found = [
        (getattr(row, source.at), rank, row.pk, row)
        for rank, source in enumerate(sources)
        if source in shown
        for row in _rows(customer, source, rank, place)[: size + 1]
    ]
    found.sort(key=lambda each: each[:3], reverse=True)
    listed = [(at, sources[rank].line(row)) for at, rank, _key, row in found[:size]]
    names = names_of(line.actor_id for _at, line in listed if line.actor_id)
    happenings = [Happening(at, line, names.get(str(line.actor_id), "")) for at, line in listed]
    if len(found) <= size:
        return Page(happenings, "")
    at, rank, key, _row = found[size - 1]
    return Page(happenings, SEPARATOR.join([at.isoformat(), sources[rank].code, str(key)]))


def _rows(customer: Customer, source: Source, rank: int, place: Place | None) -> Any:
    rows = source.rows(customer).filter(**{f"{source.at}__isnull": False})
    order = [f"-{source.at}", "-pk"]
    return rows.filter(_after(source, rank, place) if place else Q()).order_by(*order)


def _after(source: Source, rank: int, place: Place) -> Q:
    """Return the condition for this source's rows after the place: of the same moment, only lower sources follow."""
    if rank == place.rank:
        return behind([f"-{source.at}", "-pk"], [place.at, place.key])
    return Q(**{f"{source.at}__{'lte' if rank < place.rank else 'lt'}": place.at})
