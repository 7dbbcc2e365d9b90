"""Edit plans, sync them to Stripe, and show where each differs from its product at Stripe."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from accounts.audit.recording import record_act
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import column
from backoffice.read_only import StaffMayLook
from billing.admin.catalogue.packages import in_words
from billing.admin.catalogue.texts import FIELDSET, TextsAdmin, TextsForm
from billing.admin.djstripe_pages import link_to_mirrored
from billing.errors import BillingError
from billing.money import Money
from billing.packages.catalog_sync import sync_package
from billing.packages.remote_catalog import mirrored_remote_catalog
from billing.plans.models import Plan
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount


class PlanForm(TextsForm):
    """Takes the price in the main unit (40.00) and stores it in minor units."""

    price = AmountField(
        label=_("Price"),
        min_value=Decimal(0),
        max_digits=15,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Such as 40.00. Subscribers keep the price and the credits that they subscribed to."),
    )

    class Meta:
        model = Plan
        fields = [
            "code", "name", "description", "credits", "currency", "interval", "rollover", "rollover_months",
            "trial_days", "is_active", "display_order",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["price"] = self.instance.price.major
            self.initial["credits"] = Decimal(f"{self.instance.credits.normalize():f}")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and "currency" in data:
            try:
                self.instance.price_minor = Money.from_major(data["price"], data["currency"]).minor
            except ValueError as error:
                self.add_error("price", str(error))
            if not self.instance.price_minor:
                self.add_error("price", _("A plan has a price."))
        return data

    def _update_errors(self, errors: ValidationError) -> None:
        if "price_minor" in errors.error_dict:
            errors.error_dict["price"] = errors.error_dict.pop("price_minor")
        super()._update_errors(errors)  # type: ignore[misc]  # the stubs lack it


@admin.register(Plan)
class PlanAdmin(TextsAdmin, StaffMayLook):
    is_audited = True
    form = PlanForm
    list_filter = ["is_active", "rollover", "currency"]
    search_fields = ["code", "name", "stripe_product_id", "stripe_price_id"]
    search_help_text = _("Code, name, or Stripe product or price ID.")
    actions_detail = ["sync"]
    warn_unsaved_form = True
    fieldsets = [
        (None, {"fields": ["code", "name", "description", "credits", "price", "currency", "interval"]}),
        (_("Terms"), {"fields": ["rollover", "rollover_months", "trial_days"]}),
        (_("Listing"), {"fields": ["is_active", "display_order"]}),
        FIELDSET,
        (_("Stripe"), {"fields": ["stripe_product", "stripe_price", "drift"]}),
    ]

    credits_shown = column(_("credits per month"), "credits", credits_amount, ordering="credits")
    price_shown = column(_("price"), "price", ordering="price_minor")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns, of which one reads the mirror once for the whole list."""
        remote = functools.cache(mirrored_remote_catalog)

        @display(description=_("sync status"))
        def drift(plan: Plan) -> str:
            return in_words(plan, remote())

        return ["name", "code", "credits_shown", "price_shown", "interval", "rollover", "is_active", drift]

    def get_fieldsets(self, request: HttpRequest, obj: Plan | None = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> list[str]:
        # The code never changes: clients subscribe by it, and Stripe's product carries it.
        return ["stripe_product", "stripe_price", "drift", *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        # Taking it off sale is enough.
        return False

    @display(description=_("product"))
    def stripe_product(self, plan: Plan) -> str:
        return link_to_mirrored("product", plan.stripe_product_id)

    @display(description=_("price"))
    def stripe_price(self, plan: Plan) -> str:
        return link_to_mirrored("price", plan.stripe_price_id)

    @display(description=_("sync status"))
    def drift(self, plan: Plan) -> str:
        return in_words(plan, mirrored_remote_catalog())

    @dialog_action(
        _("Sync to Stripe"),
        permission="change",
        title=_("Sync this plan to Stripe?"),
        explained=_("Creates or updates its product, and adds a new price if the amount has changed."),
        button=_("Sync"),
    )
    def sync(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        plan: Plan = acted_on(self, request, object_id)
        try:
            steps = sync_package(plan)
        except BillingError as error:
            self.log_change(request, plan, f"Sync to Stripe failed: {error.code}")
            self.message_user(request, f"{plan}: {error.for_staff}", messages.ERROR)
            return back_to(request, plan)
        with override(settings.LANGUAGE_CODE):  # the history is for all staff
            kept = " ".join(map(str, steps)) or "Off sale; nothing to sync."
        record_act("synced", plan, {"steps": kept})
        self.log_change(request, plan, f"Synced to Stripe. {kept}")
        done = " ".join(map(str, steps)) or _("%s is off sale; there is nothing to sync.") % plan
        self.message_user(request, done, messages.SUCCESS)
        return back_to(request, plan)
