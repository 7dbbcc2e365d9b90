"""Filter an admin list by a first and a last day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from unfold.contrib.filters.admin import RangeDateFilter

from core.days import start_of


class PeriodFilter(RangeDateFilter):  # type: ignore[misc]  # unfold has no types
    """A filter that includes both days, in the site's time zone, as the figures count. Ignores an invalid day."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        site = timezone.get_default_timezone_name()
        if timezone.get_current_timezone_name() != site:
            self.title = _("%(what)s (days in %(zone)s)") % {
                "what": str(self.title),  # type: ignore[has-type]  # Django's own, set before
                "zone": site,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if first := self._day("from"):
            queryset = queryset.filter(**{f"{self.field_path}__gte": start_of(first)})
        if last := self._day("to"):
            queryset = queryset.filter(**{f"{self.field_path}__lt": start_of(last + timedelta(days=1))})
        return queryset

    def _day(self, which: str) -> date | None:
        value = self.used_parameters.get(f"{self.parameter_name}_{which}")
        try:
            return parse_date(value) if isinstance(value, str) else None
        except ValueError:
            return None
