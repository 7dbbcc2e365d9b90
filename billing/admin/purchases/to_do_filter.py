"""Filter purchases by what is to be done."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.purchases.models import Purchase
from billing.purchases.selectors import open_purchases, purchases_needing_attention


class ToDoFilter(admin.SimpleListFilter):
    """Filters by what the front page counts."""

    title = _("needs action")
    parameter_name = "todo"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("attention", _("Needs attention")), ("open", _("Open"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        if self.value() == "attention":
            return queryset & purchases_needing_attention()
        return queryset & open_purchases() if self.value() == "open" else queryset
