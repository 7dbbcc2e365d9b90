"""Define read-only admin pages, for the ledger and Stripe's records, which not even superusers edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import DecimalField, Field, IntegerField, Model
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

from backoffice.checks import PermissionChecks
from backoffice.display import EMPTY
from core.amounts.form_fields import AmountField, WholeNumberField
from core.database.replica.reading import answer_from_replica

RelatedPage = Callable[[Any], str]
# Lookups of a column that its filter, and links to the list, use.
ASKED = ("", "__exact", "__in", "__isnull", "__gt", "__gte", "__lt", "__lte", "__id__exact", "_from", "_to")
NUMBER_FIELDS = {DecimalField: AmountField, IntegerField: WholeNumberField}


class StaffMayLook(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """An admin that all staff may view; Django's permissions decide who may change something."""

    checks_class = PermissionChecks
    empty_value_display = EMPTY
    list_per_page = 50
    show_full_result_count = False
    # Columns that a URL may filter by besides those of ``list_filter``, for links from other pages.
    asked_for: Sequence[str] = ()
    # Whether the audit records changes of a row; its page then links there.
    is_audited = False
    # Whether the list may be some seconds old: it is then read from the replica. What staff did themselves is in it.
    lists_from_replica = False
    # Links to related pages. Apps above this one add theirs: accounts and credits must not depend on billing.
    related_pages: list[RelatedPage] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.related_pages = list(cls.related_pages)

    @display(description=_("related"))
    def see_also(self, row: Any) -> str:
        links = [link for link in (page(row) for page in self.related_pages) if link != EMPTY]
        return SafeString(" · ".join(links)) or EMPTY

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Parse numbers with `parse_amount`, as everywhere."""
        for kind, form_class in NUMBER_FIELDS.items():
            if isinstance(db_field, kind) and not db_field.choices:
                kwargs.setdefault("form_class", form_class)
        field: forms.Field | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        return field

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Allow only the list's filters and `asked_for`: ``?payload__…__startswith=`` would reveal hidden columns."""
        filters = [*self.get_list_filter(request), *self.asked_for]
        return any(lookup in _parameters_of(each) for each in filters)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_staff(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CountedChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and not self._may_post(request):
            raise PermissionDenied
        show = partial(self.show_list, request, extra_context)
        if self.lists_from_replica and request.method in SAFE_METHODS:
            return answer_from_replica(request, show)
        return show()

    def show_list(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Return the list's page, not rendered yet; what it reads may come from the replica."""
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def _may_post(self, request: HttpRequest) -> bool:
        """Refuse unknown actions: Django would answer their POST with the list, as if it had succeeded."""
        is_action = request.POST.get("action") in self.get_actions(request)
        return is_action or self.has_change_permission(request)


def _parameters_of(each: Any) -> list[str]:
    """Return the URL parameters of a list's filter: its own, or those of a column."""
    if isinstance(each, type):
        return [each.parameter_name]  # type: ignore[attr-defined]  # a SimpleListFilter
    column = each if isinstance(each, str) else each[0]
    return [f"{column}{ending}" for ending in ASKED]


class _NobodyEdits:
    """A mixin for rows that nobody may add, change or delete."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ReadOnlyAdmin(_NobodyEdits, StaffMayLook):
    """An admin that all staff may view, and nobody may add to, change or delete from."""

    actions: Any = []


class ReadOnlyInline(_NobodyEdits, TabularInline):  # type: ignore[misc]  # unfold has no types
    extra = 0
    can_delete = False
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_staff(request)


class CountedChangeList(ChangeList):  # type: ignore[misc]  # unfold has no types
    """A list that offers "Show all" only if a search or filter hides rows, and counts the rows once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters or self.get_filters_params()):
            self.full_result_count = self.result_count


def is_staff(request: HttpRequest) -> bool:
    return bool(request.user.is_active and request.user.is_staff)
