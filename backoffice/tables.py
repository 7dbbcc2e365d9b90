"""Show small tables on a page: the first few rows, with a link to all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from backoffice.display import EMPTY


@dataclass(frozen=True)
class Table:
    """``headers`` and ``rows`` of cells, as in unfold. ``more`` links to the whole list; ``empty`` replaces no rows."""

    title: Any
    headers: Sequence[Any]
    rows: Sequence[Sequence[Any]]
    empty: Any
    more: str = ""

    @property
    def data(self) -> dict[str, Any]:
        return {"headers": self.headers, "rows": self.rows}


def plain_table(headers: Sequence[Any], rows: Iterable[Sequence[Any]]) -> SafeString:
    """Return a table as the value of a field; a dash if it has no rows."""
    listed = list(rows)
    if not listed:
        return SafeString(EMPTY)
    return render_to_string("admin/credits/plain_table.html", {"headers": headers, "rows": listed})
