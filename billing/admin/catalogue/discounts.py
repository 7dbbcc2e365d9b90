"""Edit discount codes and sales, and show how often codes were used."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from backoffice.display import chip, link_to_list
from backoffice.read_only import StaffMayLook
from billing.discounts.models import CodeAmount, DiscountCode, MultiBuy, Sale
from billing.money import Money
from billing.purchases.models import Purchase
from core.amounts.form_fields import AmountField


class CodeAmountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes money in the main unit (5.00) and stores it in minor units."""

    amount = AmountField(
        label=_("Amount off"), max_digits=15, required=False, widget=UnfoldAdminDecimalFieldWidget
    )
    minimum = AmountField(
        label=_("Minimum price"), max_digits=15, required=False, widget=UnfoldAdminDecimalFieldWidget
    )

    class Meta:
        model = CodeAmount
        fields = ["currency"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inside: CodeAmount = self.instance
        if inside.pk:
            off = inside.amount_minor
            self.initial["amount"] = None if off is None else Money(off, inside.currency).major
            self.initial["minimum"] = Money(inside.minimum_minor, inside.currency).major

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        currency = data.get("currency")
        for name in ("amount", "minimum"):
            if data.get(name) is None or not currency:
                continue
            try:
                setattr(self.instance, f"{name}_minor", Money.from_major(data[name], currency).minor)
            except ValueError as error:
                self.add_error(name, str(error))
        if data.get("amount") is None:
            self.instance.amount_minor = None
        return data


class CodeAmounts(BaseInlineFormSet):  # type: ignore[type-arg]  # not subscriptable at run time
    """Require that a code takes off a percentage or amounts, and not both."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form.is_valid() and not form.cleaned_data.get("DELETE")]
        amounts = [form for form in kept if form.cleaned_data.get("amount")]
        if self.instance.percent is None and not amounts:
            raise ValidationError(_("Enter a percentage, or an amount in a currency."))
        if self.instance.percent is not None and amounts:
            raise ValidationError(_("Enter a percentage or amounts, not both."))


class CodeAmountInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    model = CodeAmount
    form, formset = CodeAmountForm, CodeAmounts
    extra, min_num = 0, 0
    verbose_name_plural = _("Amounts and minimum prices by currency")

    def has_view_permission(self, request: HttpRequest, obj: DiscountCode | None = None) -> bool:
        return True  # as all staff may view the code


@admin.register(DiscountCode)
class DiscountCodeAdmin(StaffMayLook):
    is_audited = True
    warn_unsaved_form = True
    inlines = [CodeAmountInline]
    list_display = ["code", "state", "off", "uses_shown", "starts_at", "ends_at", "note"]
    list_filter = ["is_active"]
    search_fields = ["code", "note"]
    search_help_text = _("Code or note.")
    autocomplete_fields = ["packages"]
    fieldsets = [
        (None, {"fields": ["code", "note", "percent", "is_active"]}),
        (_("When"), {"fields": ["starts_at", "ends_at"]}),
        (
            _("Who and what"),
            {"fields": ["packages", "max_uses", "once_per_buyer", "first_purchase_only", "stackable"]},
        ),
        (_("Uses"), {"fields": ["uses_shown"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: DiscountCode | None = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: DiscountCode | None = None) -> list[str]:
        # Purchases name the code that they used.
        return ["uses_shown", *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: DiscountCode | None = None) -> bool:
        # Not accepting it any more is enough.
        return False

    @display(description=_("state"))
    def state(self, code: DiscountCode) -> str:
        return chip(code.state.label, "success" if code.state == DiscountCode.State.ACCEPTED else None)

    @display(description=_("takes off"))
    def off(self, code: DiscountCode) -> str:
        if code.percent is not None:
            return f"{code.percent.normalize():f}%"
        return ", ".join(str(each) for each in code.amounts.all() if each.amount_minor)

    @display(description=_("uses"))
    def uses_shown(self, code: DiscountCode) -> str:
        text = f"{code.used} / {code.max_uses}" if code.max_uses is not None else str(code.used)
        return link_to_list(Purchase, text, discount_code=code.code)


@admin.register(Sale)
class SaleAdmin(StaffMayLook):
    is_audited = True
    warn_unsaved_form = True
    list_display = ["name", "percent_shown", "starts_at", "ends_at", "now", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    autocomplete_fields = ["packages"]
    fieldsets = [(None, {"fields": ["name", "percent", "starts_at", "ends_at", "packages", "is_active"]})]

    def has_delete_permission(self, request: HttpRequest, obj: Sale | None = None) -> bool:
        # Switching it off is enough.
        return False

    @display(description=_("percent off"), ordering="percent")
    def percent_shown(self, sale: Sale) -> str:
        return f"{sale.percent.normalize():f}%"

    @display(description=_("now"))
    def now(self, sale: Sale) -> str:
        return chip(_("On"), "success") if sale.is_on() else chip(_("Off"))


@admin.register(MultiBuy)
class MultiBuyAdmin(StaffMayLook):
    is_audited = True
    warn_unsaved_form = True
    list_display = ["name", "rule", "starts_at", "ends_at", "now", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    autocomplete_fields = ["packages"]
    fieldsets = [
        (None, {"fields": ["name", ("paid", "free"), "starts_at", "ends_at", "packages", "is_active"]}),
        (_("Rules"), {"fields": ["stackable"]}),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: MultiBuy | None = None) -> bool:
        # Switching it off is enough.
        return False

    @display(description=_("rule"))
    def rule(self, multi_buy: MultiBuy) -> str:
        return _("buy %(paid)s, get %(free)s") % {"paid": multi_buy.paid, "free": multi_buy.free}

    @display(description=_("now"))
    def now(self, multi_buy: MultiBuy) -> str:
        return chip(_("On"), "success") if multi_buy.is_on() else chip(_("Off"))
