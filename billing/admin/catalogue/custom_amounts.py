"""Edit in which currencies buyers can choose the amount, and show which packages set its rate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from backoffice.columns import column
from backoffice.display import EMPTY
from backoffice.read_only import StaffMayLook
from billing.money import Money
from billing.packages.amounts import steps
from billing.packages.models import CustomAmount
from billing.packages.prices import sold_in
from billing.packages.selectors import packages_on_sale
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount

MONEY = ("minimum", "maximum", "increment")


def _money_field(label: Any, help_text: Any) -> AmountField:
    return AmountField(label=label, max_digits=15, widget=UnfoldAdminDecimalFieldWidget, help_text=help_text)


class CustomAmountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes money in the main unit (5.00) and stores it in minor units."""

    minimum = _money_field(_("Minimum"), _("Such as 5.00. It must buy at least one credit."))
    maximum = _money_field(_("Maximum"), _("Such as 500.00."))
    increment = _money_field(
        _("Increment"), _("Buyers choose multiples of it, such as 0.50; so are minimum and maximum.")
    )

    class Meta:
        model = CustomAmount
        fields = ["currency", "credits_per_unit", "validity_days", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial.update({name: getattr(self.instance, name).major for name in MONEY})
            self.initial["credits_per_unit"] = Decimal(f"{self.instance.credits_per_unit.normalize():f}")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        currency = data.get("currency", self.instance.currency)
        for name in MONEY:
            if name not in data or not currency:
                continue
            try:
                setattr(self.instance, f"{name}_minor", Money.from_major(data[name], currency).minor)
            except ValueError as error:
                self.add_error(name, str(error))
        return data

    def _update_errors(self, errors: ValidationError) -> None:
        for name in MONEY:
            if f"{name}_minor" in errors.error_dict:
                errors.error_dict[name] = errors.error_dict.pop(f"{name}_minor")
        super()._update_errors(errors)  # type: ignore[misc]  # the stubs lack it


@admin.register(CustomAmount)
class CustomAmountAdmin(StaffMayLook):
    is_audited = True
    form = CustomAmountForm
    warn_unsaved_form = True
    list_display = [
        "currency_shown",
        "minimum_shown",
        "maximum_shown",
        "increment_shown",
        "credits_shown",
        "validity_days",
        "is_active",
    ]
    fieldsets = [
        (None, {"fields": ["currency", *MONEY, "credits_per_unit", "validity_days", "is_active"]}),
        (_("Packages"), {"fields": ["counted", "not_counted"]}),
    ]

    currency_shown = column(_("currency"), "currency", str.upper, ordering="currency")
    minimum_shown = column(_("minimum"), "minimum", ordering="minimum_minor")
    maximum_shown = column(_("maximum"), "maximum", ordering="maximum_minor")
    increment_shown = column(_("increment"), "increment", ordering="increment_minor")
    credits_shown = column(_("credits per unit"), "credits_per_unit", credits_amount)

    def get_fieldsets(self, request: HttpRequest, obj: CustomAmount | None = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:1]

    def get_readonly_fields(self, request: HttpRequest, obj: CustomAmount | None = None) -> list[str]:
        # The limits would mean other money in another currency, whose own entry this isn't.
        return ["counted", "not_counted", *(["currency"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: CustomAmount | None = None) -> bool:
        # Taking it off sale is enough.
        return False

    @display(description=_("count towards the rate"))
    def counted(self, entry: CustomAmount) -> str:
        return _listed(
            f"{step} ({step.price})" for step in steps(entry, sold_in(packages_on_sale(), entry.currency))
        )

    @display(description=_("don’t count, as their credits expire sooner"))
    def not_counted(self, entry: CustomAmount) -> str:
        packages = [each for each in sold_in(packages_on_sale(), entry.currency) if each.price_minor]
        counted = steps(entry, packages)
        return _listed(f"{each} ({each.price})" for each in packages if each not in counted)


def _listed(names: Any) -> str:
    return ", ".join(names) or EMPTY
