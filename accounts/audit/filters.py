"""What narrows the list of the audit."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter, TextFilter

from accounts.audit.models import AuditEntry
from accounts.audit.selectors import acts_seen, kinds_seen, people_named
from accounts.audit.wording import act_in_words, kinds_in_words

Entries = QuerySet[AuditEntry]


class WhoFilter(TextFilter):  # type: ignore[misc]  # unfold is untyped
    title = _("person")
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
    title = _("act")
    parameter_name = "done"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((act, act_in_words(act)) for act in acts_seen()), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        return queryset.filter(act=self.value()) if self.value() else queryset


class PeriodFilter(RangeDateFilter):  # type: ignore[misc]  # unfold is untyped
    """Whole days, the last one with it, in the time zone that the page shows."""

    def queryset(self, request: HttpRequest, queryset: Entries) -> Entries:
        start, end = (self._day(f"{self.parameter_name}_{edge}") for edge in ("from", "to"))
        if start:
            queryset = queryset.filter(at__gte=start)
        return queryset.filter(at__lt=end + timedelta(days=1)) if end else queryset

    def _day(self, name: str) -> datetime | None:
        try:
            day = parse_date(str(self.used_parameters.get(name) or ""))
        except ValueError:  # the 31st of February
            return None
        return timezone.make_aware(datetime.combine(day, time())) if day else None
