"""Filter a list by values of a column that are known when it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


def column_filter(
    name: str, heading: Any, values: Callable[[], Iterable[str]], in_words: Callable[[str], str] = str
) -> type[admin.SimpleListFilter]:
    """Return a filter by one of a column's ``values``."""

    class ColumnFilter(admin.SimpleListFilter):
        title = heading
        parameter_name = name

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(value, in_words(value)) for value in values()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{name: self.value()}) if self.value() else queryset

    return ColumnFilter
