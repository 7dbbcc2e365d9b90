"""List rows in the admin quickly, however long the table: no counting, skipping or sorting.

Django's list counts all rows, reads past those of earlier pages, and sorts by any clicked column. Here a page starts
after a row named in the URL, in an indexed order. PostgreSQL's estimate of the rows is shown only for the whole list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from backoffice.read_only import ReadOnlyAdmin
from core.database.keyset import behind
from core.database.replica.routing import reading_connection

BEYOND, BEFORE = "beyond", "before"
SEPARATOR = ","
ESTIMATE = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"


@dataclass(frozen=True)
class Place:
    """The start of a page: the rows ``beyond`` or ``before`` one in the list's order, whose columns are ``values``."""

    direction: str
    values: list[Any]


@dataclass(frozen=True)
class Pages:
    """The list's navigation, in place of Django's paginator. ``rows``: exact on one page, else estimated or None."""

    rows: int | None
    is_estimate: bool
    first_url: str | None
    previous_url: str | None
    next_url: str | None
    template_name: str = "admin/long_list_pages.html"


class LongChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A list with pages by the columns of its order, all ascending or all descending, and unique together."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[str]:
        return list(self.model_admin.get_ordering(request))

    def get_results(self, request: HttpRequest) -> None:
        order = list(self.queryset.query.order_by)
        place = read_place(self.model, order, request.GET.get(PAGE_VAR, ""))
        rows, goes_back, goes_on = page_of(self.queryset, order, place, self.list_per_page)
        fits = not goes_back and not goes_on
        is_asked_for = bool(self.query or self.has_active_filters or self.get_filters_params())
        is_narrowed = bool(self.queryset.query.where)
        self.result_list = rows
        self.result_count = len(rows)
        # unfold offers "Show all" if these two differ.
        self.full_result_count = None if fits and is_asked_for else len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)  # only if the page has any
        self.can_show_all = self.multi_page = False
        self.paginator = Pages(
            rows=len(rows) if fits else None if is_narrowed else estimated_rows(self.model),
            is_estimate=not fits,
            first_url=self.get_query_string() if goes_back else None,
            previous_url=self._url(BEFORE, rows[0], order) if goes_back and rows else None,
            next_url=self._url(BEYOND, rows[-1], order) if goes_on else None,
        )

    def _url(self, direction: str, row: Model, order: list[str]) -> str:
        values = [getattr(row, column.removeprefix("-")) for column in order]
        url: str = self.get_query_string({PAGE_VAR: write_place(direction, *values)})
        return url


class LongListAdmin(ReadOnlyAdmin):
    """The admin of a table that grows without end. ``get_ordering`` names columns in the order of an index."""

    lists_from_replica = True
    sortable_by: Any = []
    show_facets = ShowFacets.NEVER  # each one is a count

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LongChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search with `find`, by what an index finds; ``search_fields`` only shows the box."""
        word = search_term.strip()
        return (self.find(queryset, word) if word else queryset), False

    def find(self, queryset: QuerySet[Any], word: str) -> QuerySet[Any]:
        """Return the rows that a word names."""
        raise NotImplementedError


def write_place(direction: str, *values: Any) -> str:
    """Return a place as text for a URL."""
    written = (value.isoformat() if isinstance(value, datetime) else str(value) for value in values)
    return SEPARATOR.join([direction, *written])


def read_place(model: type[Model], order: list[str], text: str) -> Place | None:
    """Parse a place in a URL. None: the first page, also for a place that doesn't fit this list."""
    direction, *values = text.split(SEPARATOR)
    if direction not in (BEYOND, BEFORE) or len(values) != len(order):
        return None
    fields: list[Any] = [model._meta.get_field(column.removeprefix("-")) for column in order]
    try:
        return Place(
            direction, [field.clean(value, None) for field, value in zip(fields, values, strict=True)]
        )
    except ValidationError:
        return None


def page_of(
    rows: QuerySet[Any], order: list[str], place: Place | None, size: int
) -> tuple[list[Any], bool, bool]:
    """Return a page, and whether one comes before it and after it."""
    if place and place.direction == BEFORE:
        backwards = [_turned(column) for column in order]
        found = _first(rows.filter(behind(backwards, place.values)), backwards, size + 1)
        if len(found) > size:
            return found[:size][::-1], True, True
        place = None  # the start is reached: show a full first page, not what is left of one
    if place:
        rows = rows.filter(behind(order, place.values))
    found = _first(rows, order, size + 1)
    return found[:size], place is not None, len(found) > size


def _first(rows: QuerySet[Any], order: list[str], count: int) -> list[Any]:
    """Query in two steps: PostgreSQL would sometimes join all rows to their accounts before sorting."""
    keys = list(rows.order_by(*order).values_list("pk", flat=True)[:count])
    found = {row.pk: row for row in rows.order_by().filter(pk__in=keys)}
    return [found[key] for key in keys if key in found]


def estimated_rows(model: type[Model]) -> int | None:
    """Return roughly how many rows the table has; None if PostgreSQL has not analysed it yet."""
    with reading_connection().cursor() as cursor:
        cursor.execute(ESTIMATE, [model._meta.db_table])
        estimate: int = cursor.fetchone()[0]
    return estimate if estimate > 0 else None


def _turned(column: str) -> str:
    return column.removeprefix("-") if column.startswith("-") else f"-{column}"
