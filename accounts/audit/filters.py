"""Filter the audit list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from accounts.audit.models import AuditEntry
from accounts.audit.selectors import people_named
from accounts.audit.wording import act_in_words, kinds_in_words
from core.database.distinct import distinct_values

Entries = QuerySet[AuditEntry]


class WhoFilter(TextFilter):  # type: ignore[misc]  # unfold is untyped
    title = _("actor")
    parameter_name = "who"

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        word = (self.value() or "").strip()
        return queryset.filter(actor_id__in=people_named(word)) if word else queryset


class _ColumnFilter(DropdownFilter):  # type: ignore[misc]  # unfold is untyped
    """A filter by the values that occur in a column, in words."""

    column: str
    in_words: Callable[[str], str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = [(value, self.in_words(value)) for value in distinct_values(AuditEntry, self.column)]
        return sorted(named, key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class KindFilter(_ColumnFilter):
    title = _("object")
    parameter_name = "about"
    column = "kind"
    in_words = staticmethod(kinds_in_words)


class ActFilter(_ColumnFilter):
    title = _("action")
    parameter_name = "done"
    column = "act"
    in_words = staticmethod(act_in_words)
