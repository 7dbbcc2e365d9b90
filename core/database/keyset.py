"""Express PostgreSQL's row comparison as a condition of Django's, for pages that start after a row."""

from __future__ import annotations

from typing import Any

from django.db.models import Q


def behind(order: list[str], values: list[Any]) -> Q:
    """Return the condition for rows after this one: PostgreSQL's (a, b) > (x, y)."""
    ways = ["lt" if column.startswith("-") else "gt" for column in order]
    names = [column.removeprefix("-") for column in order]
    # Redundant, but lets an index start here.
    behind = Q(**{f"{names[0]}__{ways[0]}e": values[0]})
    any_of = Q()
    for place, (name, way) in enumerate(zip(names, ways, strict=True)):
        same = dict(zip(names[:place], values[:place], strict=True))
        any_of |= Q(**same, **{f"{name}__{way}": values[place]})
    return behind & any_of
