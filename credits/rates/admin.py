"""Show the rate card, past, current and planned, and let staff add a price from a date on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldBooleanSwitchWidget

from backoffice.actions import acted_on
from backoffice.display import EMPTY, chip, link_to_list
from backoffice.read_only import StaffMayLook
from backoffice.tables import plain_table
from credits.formatting import credits_amount, plain
from credits.rates.changes import put_on_card, refuse_past, withdraw
from credits.rates.errors import InvalidRate
from credits.rates.models import Markup, Rate
from credits.rates.preview import example_costs
from credits.rates.selectors import State, database_now, with_state

TONES = {State.IN_FORCE: "success", State.PLANNED: "info", State.PAST: None}


class CardForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Treats an empty date as now. An empty number must be confirmed with a checkbox."""

    number: str
    nothing_given: Any = _("Enter a number, or tick the box below.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "effective_from" not in self.fields:
            return  # read-only access
        field = self.fields["effective_from"]
        field.required = False
        field.help_text = _("Leave blank to apply it now. It can’t be changed once in force.")
        if self.instance.pk:
            number = getattr(self.instance, self.number)
            self.initial[self.number] = None if number is None else plain(number)
            self.initial["none"] = number is None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.number in data and (data[self.number] is None) != data["none"]:
            self.add_error(self.number, self.nothing_given)
        return data

    def clean_effective_from(self) -> datetime:
        moment: datetime = self.cleaned_data["effective_from"] or database_now()
        try:
            refuse_past(moment)
        except InvalidRate as error:
            raise forms.ValidationError(error.message) from error
        return moment


class RateForm(CardForm):
    number = "price"
    none = forms.BooleanField(
        label=_("Not offered"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("From then on this unit has no price and can’t be used."),
    )


class MarkupForm(CardForm):
    number = "percent"
    none = forms.BooleanField(
        label=_("No own markup"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("From then on the provider’s or general markup applies."),
    )


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state.value, state.label) for state in (State.IN_FORCE, State.PLANNED, State.PAST)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.value()
        return queryset.filter(state=state) if state in State.values else queryset


class CardAdmin(StaffMayLook):
    """The common part of rates and markups. Past and current rows are read-only; planned ones can be changed."""

    is_audited = True
    # The fields that two rows of the same thing share.
    same: tuple[str, ...]
    # Replaces the form's fields when nothing can be changed.
    read_fields: list[str]
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_state(super().get_queryset(request), *self.same)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and _is_planned(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and _is_planned(obj)

    def has_add_like_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        # For the buttons: with a permission named rates.add_rate, unfold would query the database at startup.
        return bool(self.has_add_permission(request))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        # No bulk withdrawal: each row's own page says what it is.
        return {}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets[:1]
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [(None, {"fields": self.read_fields}), *self.fieldsets[1:]]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        # The fields of the row whose button led here; a date in the URL would be parsed without a zone.
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {name: value for name, value in initial.items() if name != "effective_from"}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        put_on_card(obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        withdraw(obj)

    @display(description=_("state"))
    def state_chip(self, row: Any) -> str:
        state = State(row.state)
        return chip(state.label, TONES[state])

    @display(description=_("until"))
    def until(self, row: Any) -> Any:
        return EMPTY if row.ends_at is None else date_format(localtime(row.ends_at), "DATETIME_FORMAT")

    def _add_like(self, request: HttpRequest, object_id: str, fields: tuple[str, ...]) -> HttpResponse:
        row = acted_on(self, request, object_id)
        query = {name: getattr(row, name) for name in fields}
        return redirect(reverse(f"admin:rates_{row._meta.model_name}_add", query=query))


@admin.register(Rate)
class RateAdmin(CardAdmin):
    is_audited = True
    form = RateForm
    read_fields = ["provider", "model", "unit", "price_shown", "effective_from"]
    same = ("provider", "model", "unit")
    asked_for = ("model",)
    list_display = ["model_shown", "unit", "price_shown", "state_chip", "effective_from", "until"]
    list_filter = [StateFilter, "provider", "unit"]
    search_fields = ["model", "provider"]
    search_help_text = _("Model or provider.")
    ordering = ["provider", "model", "unit", "-effective_from"]
    actions_detail = ["change_price"]
    readonly_fields = ["state_chip", "until", "costs", "see_also", "price_shown"]
    fieldsets = [
        (None, {"fields": ["provider", "model", "unit", "price", "per", "none", "effective_from"]}),
        (_("Status"), {"fields": ["state_chip", "until", "see_also"]}),
        (_("Example costs"), {"fields": ["costs"]}),
    ]

    @display(description=_("model or action"), ordering="model")
    def model_shown(self, rate: Rate) -> str:
        return f"{rate.provider}/{rate.model}"

    @display(description=_("price"), ordering="price")
    def price_shown(self, rate: Rate) -> str:
        return rate.price_in_words

    @display(description=_("with markup"))
    def costs(self, rate: Rate) -> str:
        """Show the price of a few quantities as they would be charged."""
        examples = example_costs(rate)
        if examples is None:
            return EMPTY
        rows = [
            (
                f"{credits_amount(line.quantity)} {rate.get_unit_display()}",
                credits_amount(line.amount),
                credits_amount(price.amount),
            )
            for price in examples
            for line in price.lines
        ]
        markup = _("With %(percent)s%% (%(level)s)") % {
            "percent": credits_amount(examples[0].markup_percent),
            "level": examples[0].markup_level.label,
        }
        return plain_table([_("Usage"), _("Before markup"), markup], rows)

    @action(description=_("Schedule price"), url_path="new-price", permissions=["add_like"])
    def change_price(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._add_like(request, object_id, (*self.same, "per"))


@admin.register(Markup)
class MarkupAdmin(CardAdmin):
    is_audited = True
    form = MarkupForm
    read_fields = ["for_what", "level_shown", "percent_shown", "effective_from"]
    same = ("provider", "model")
    asked_for = ("model",)
    list_display = ["for_what", "level_shown", "percent_shown", "state_chip", "effective_from", "until"]
    list_filter = [StateFilter, "provider"]
    search_fields = ["model", "provider"]
    search_help_text = _("Model or provider.")
    ordering = ["provider", "model", "-effective_from"]
    actions_detail = ["change_markup"]
    readonly_fields = ["state_chip", "until", "see_also", "for_what", "level_shown", "percent_shown"]
    fieldsets = [
        (None, {"fields": ["provider", "model", "percent", "none", "effective_from"]}),
        (_("Status"), {"fields": ["state_chip", "until", "see_also"]}),
    ]

    @display(description=_("applies to"), ordering="provider")
    def for_what(self, markup: Markup) -> str:
        return str(markup)

    @display(description=_("level"))
    def level_shown(self, markup: Markup) -> str:
        return str(markup.level.label)

    @display(description=_("markup"), ordering="percent")
    def percent_shown(self, markup: Markup) -> str:
        return markup.percent_in_words

    @action(description=_("Schedule markup"), url_path="new-markup", permissions=["add_like"])
    def change_markup(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._add_like(request, object_id, self.same)


def all_prices_of_unit(rate: Rate) -> str:
    return _all_like(rate, RateAdmin.same, _("All prices"))


def all_markups_for_it(markup: Markup) -> str:
    return _all_like(markup, MarkupAdmin.same, _("All markups"))


RateAdmin.related_pages.append(all_prices_of_unit)
MarkupAdmin.related_pages.append(all_markups_for_it)


def _all_like(row: Any, same: tuple[str, ...], label: Any) -> str:
    return link_to_list(type(row), label, **{f"{name}__exact": getattr(row, name) for name in same})


def _is_planned(row: Any) -> bool:
    """Return whether a row may still be changed; True without a row."""
    return row is None or cast(datetime, row.effective_from) > database_now()
