"""Pages that begin behind a row: PostgreSQL's comparison of rows, as a condition of Django's."""

from __future__ import annotations

from typing import Any

from django.db.models import Q


def behind(order: list[str], values: list[Any]) -> Q:
    """The rows behind this one: what PostgreSQL writes as (a, b) > (x, y)."""
    ways = ["lt" if column.startswith("-") else "gt" for column in order]
    names = [column.removeprefix("-") for column in order]
    # Says no more than the rest does, but an index can begin here.
    behind = Q(**{f"{names[0]}__{ways[0]}e": values[0]})
    any_of = Q()
    for place, (name, way) in enumerate(zip(names, ways, strict=True)):
        same = dict(zip(names[:place], values[:place], strict=True))
        any_of |= Q(**same, **{f"{name}__{way}": values[place]})
    return behind & any_of
