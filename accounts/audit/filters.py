"""Filter the audit list."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, TextFilter

from accounts.audit.models import AuditEntry
from accounts.audit.selectors import acts_seen, kinds_seen, people_named
from accounts.audit.wording import act_in_words, kinds_in_words

Entries = QuerySet[AuditEntry]


class WhoFilter(TextFilter):  # type: ignore[misc]  # unfold is untyped
    title = _("actor")
    parameter_name = "who"

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        word = (self.value() or "").strip()
        return queryset.filter(actor_id__in=people_named(word)) if word else queryset


class KindFilter(DropdownFilter):  # type: ignore[misc]  # unfold is untyped
    title = _("object")
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = [(kind, capfirst(kinds_in_words(kind))) for kind in kinds_seen()]
        return sorted(named, key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ActFilter(DropdownFilter):  # type: ignore[misc]  # unfold is untyped
    title = _("action")
    parameter_name = "done"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((act, act_in_words(act)) for act in acts_seen()), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return queryset.filter(act=self.value()) if self.value() else queryset
