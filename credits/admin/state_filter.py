"""Filter a list to the state that staff can act on, unless they choose another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

ALL = "all"


class StateFilter(admin.SimpleListFilter):
    """Shows ``default`` unless another is chosen; a search covers all states. ``queryset`` is up to the list."""

    title = _("state")
    parameter_name = "state"
    default: ClassVar[str]
    states: ClassVar[Sequence[tuple[str, Any]]]

    @classmethod
    def shown(cls, request: HttpRequest) -> str:
        """Return the state that the list shows."""
        asked = request.GET.get(cls.parameter_name, "")
        if asked == ALL or asked in dict(cls.states):
            return asked
        return ALL if request.GET.get(SEARCH_VAR) else cls.default

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        self.chosen = self.shown(request)
        return [*self.states, (ALL, _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": self.chosen == value, "query_string": query, "display": label}
