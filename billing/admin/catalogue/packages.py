"""Edit packages, sync them to Stripe, and show where each differs from its product at Stripe."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from accounts.audit.recording import record_act
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import column
from backoffice.display import EMPTY, chip
from backoffice.read_only import ReadOnlyInline, StaffMayLook
from billing.admin.catalogue.texts import FIELDSET, TextsAdmin, TextsForm
from billing.admin.djstripe_pages import link_to_mirrored
from billing.admin.front_page import drifted_packages
from billing.errors import BillingError
from billing.money import Money
from billing.packages.catalog_sync import sync_package
from billing.packages.models import PRICE_ID, PRODUCT_ID, AskedPrice, Package, PackagePrice
from billing.packages.pricing import discounts
from billing.packages.remote_catalog import ForSale, RemoteCatalog, find_drift, mirrored_remote_catalog
from billing.packages.selectors import all_packages
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount

BADGE_TONES: dict[str, str] = {Package.Badge.POPULAR: "info", Package.Badge.BEST_VALUE: "success"}


class PackageForm(TextsForm):
    """Takes the price in the main unit (45.00) and stores it in minor units."""

    price = AmountField(
        label=_("Price"),
        min_value=Decimal(0),
        max_digits=15,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Such as 45.00, or 0 for a free package. Changes apply at once; sync them to Stripe."),
    )

    product_to_adopt = forms.RegexField(
        label=_("Existing product"),
        regex=PRODUCT_ID,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        error_messages={"invalid": _("Enter a Stripe product ID (prod_…).")},
        help_text=_(
            "ID of an existing Stripe product to use (prod_…). Leave blank to let the sync find or create one."
        ),
    )
    price_to_adopt = forms.RegexField(
        label=_("Existing price"),
        regex=PRICE_ID,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        error_messages={"invalid": _("Enter a Stripe price ID (price_…).")},
        help_text=_(
            "ID of that product’s price for this amount (price_…). Leave blank to let the sync find or "
            "create one."
        ),
    )

    class Meta:
        model = Package
        fields = [
            "code",
            "name",
            "description",
            "credits",
            "currency",
            "is_active",
            "badge",
            "display_order",
            "validity_days",
            "bonus_credits",
            "bonus_validity_days",
            "repeatable",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "credits" in self.fields:  # absent for those with view permission only
            self.fields["credits"].validators.append(MinValueValidator(Decimal("0.01")))
        if self.instance.pk:
            self.initial["price"] = self.instance.price.major
            for name in ("credits", "bonus_credits"):
                self.initial[name] = Decimal(f"{getattr(self.instance, name).normalize():f}")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and "currency" in data:
            try:
                self.instance.price_minor = Money.from_major(data["price"], data["currency"]).minor
            except ValueError as error:
                self.add_error("price", str(error))
        if not self.errors:
            self._take_over(data.get("product_to_adopt", ""), data.get("price_to_adopt", ""))
        return data

    def _take_over(self, product_id: str, price_id: str) -> None:
        if price_id and not product_id:
            self.add_error("price_to_adopt", _("Enter the price’s product as well."))
        others = Package.objects.exclude(pk=self.instance.pk).filter(stripe_product_id=product_id)
        other = others.first() if product_id else None
        if other is not None:
            self.add_error("product_to_adopt", _("%s already uses this product.") % other)
        else:
            self.instance.give_stripe_ids(product_id, price_id)

    def _update_errors(self, errors: ValidationError) -> None:
        if "price_minor" in errors.error_dict:
            errors.error_dict["price"] = errors.error_dict.pop("price_minor")
        super()._update_errors(errors)  # type: ignore[misc]  # the stubs lack it


class DriftFilter(admin.SimpleListFilter):
    title = _("out of sync")
    parameter_name = "drift"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Package]) -> QuerySet[Package]:
        if self.value() is None:
            return queryset
        drifted = [package.pk for package in drifted_packages()]
        return queryset.filter(pk__in=drifted) if self.value() == "yes" else queryset.exclude(pk__in=drifted)


class PackagePriceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes the price in the main unit and stores it in minor units."""

    price = AmountField(label=_("Price"), max_digits=15, widget=UnfoldAdminDecimalFieldWidget)

    class Meta:
        model = PackagePrice
        fields = ["currency"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["price"] = self.instance.price.major

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and "currency" in data:
            try:
                self.instance.price_minor = Money.from_major(data["price"], data["currency"]).minor
            except ValueError as error:
                self.add_error("price", str(error))
        return data

    def _update_errors(self, errors: ValidationError) -> None:
        if "price_minor" in errors.error_dict:
            errors.error_dict["price"] = errors.error_dict.pop("price_minor")
        super()._update_errors(errors)  # type: ignore[misc]  # the stubs lack it


class PackagePriceInline(TabularInline):  # type: ignore[misc]  # unfold is untyped
    model, form, extra = PackagePrice, PackagePriceForm, 0

    def has_view_permission(self, request: HttpRequest, obj: Package | None = None) -> bool:
        return True  # as all staff may view the package


class AskedPriceInline(ReadOnlyInline):
    """Show which prices were asked, and since when."""

    model = AskedPrice
    per_page = 10
    fields = ["since", "currency", "asked"]
    readonly_fields = fields

    @display(description=_("price"))
    def asked(self, row: AskedPrice) -> str:
        return str(row)


@admin.register(Package)
class PackageAdmin(TextsAdmin, StaffMayLook):
    inlines = [PackagePriceInline, AskedPriceInline]
    is_audited = True
    form = PackageForm
    list_filter = ["is_active", DriftFilter, "currency", "badge"]
    search_fields = ["code", "name", "stripe_product_id", "stripe_price_id"]
    search_help_text = _("Code, name, or Stripe product or price ID.")
    actions = ["sync_selected"]
    actions_detail = ["sync"]
    warn_unsaved_form = True
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "code",
                    "name",
                    "description",
                    "credits",
                    "price",
                    "currency",
                ]
            },
        ),
        (
            _("Listing"),
            {"fields": ["is_active", "badge", "display_order", "validity_days", "repeatable"]},
        ),
        (_("Bonus"), {"fields": ["bonus_credits", "bonus_validity_days"]}),
        FIELDSET,
        (
            _("Stripe"),
            {"fields": ["stripe_product", "stripe_price", "drift", "product_to_adopt", "price_to_adopt"]},
        ),
    ]

    credits_shown = column(_("credits"), "credits", credits_amount, ordering="credits")
    price_shown = column(_("price"), "price", ordering="price_minor")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns, of which two read the mirror or the packages on sale once for the whole list."""
        remote = functools.cache(mirrored_remote_catalog)
        percentages = functools.cache(lambda: discounts(list(all_packages())))

        @display(description=_("discount"))
        def discount(package: Package) -> str:
            percentage = percentages()[package.pk]
            return f"{credits_amount(percentage)}%" if percentage else EMPTY

        @display(description=_("sync status"))
        def drift(package: Package) -> str:
            return in_words(package, remote())

        return ["name", "code", "credits_shown", "price_shown", discount, "badge_chip", "is_active", drift]

    def get_fieldsets(self, request: HttpRequest, obj: Package | None = None) -> Any:
        if obj is not None:
            return self.fieldsets
        to_take_over = {"fields": ["product_to_adopt", "price_to_adopt"]}
        return [*self.fieldsets[:-1], (_("Stripe"), to_take_over)]

    def get_readonly_fields(self, request: HttpRequest, obj: Package | None = None) -> list[str]:
        # The code never changes: clients order by it, and Stripe's product carries it.
        return ["stripe_product", "stripe_price", "drift", *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Package | None = None) -> bool:
        # Taking it off sale is enough; a deleted package could return under its code at another price.
        return False

    @display(description=_("badge"), ordering="badge")
    def badge_chip(self, package: Package) -> str:
        return chip(package.get_badge_display(), BADGE_TONES[package.badge]) if package.badge else EMPTY

    @display(description=_("product"))
    def stripe_product(self, package: Package) -> str:
        return link_to_mirrored("product", package.stripe_product_id)

    @display(description=_("price"))
    def stripe_price(self, package: Package) -> str:
        return link_to_mirrored("price", package.stripe_price_id)

    @display(description=_("sync status"))
    def drift(self, package: Package) -> str:
        return in_words(package, mirrored_remote_catalog())

    @admin.action(description=_("Sync to Stripe"), permissions=["change"])
    def sync_selected(self, request: HttpRequest, packages: QuerySet[Package]) -> None:
        for package in packages:
            self._sync(request, package)

    @dialog_action(
        _("Sync to Stripe"),
        permission="change",
        title=_("Sync this package to Stripe?"),
        explained=_("Creates or updates its product, and adds a new price if the amount has changed."),
        button=_("Sync"),
    )
    def sync(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        package: Package = acted_on(self, request, object_id)
        self._sync(request, package)
        return back_to(request, package)

    def _sync(self, request: HttpRequest, package: Package) -> None:
        try:
            steps = sync_package(package)
        except BillingError as error:
            self.log_change(request, package, f"Sync to Stripe failed: {error.code}")
            self.message_user(request, f"{package}: {error.for_staff}", messages.ERROR)
            return
        with override(settings.LANGUAGE_CODE):  # the history is for all staff
            kept = " ".join(map(str, steps)) or "Off sale; nothing to sync."
        record_act("synced", package, {"steps": kept})
        self.log_change(request, package, f"Synced to Stripe. {kept}")
        done = " ".join(map(str, steps)) or _("%s is off sale; there is nothing to sync.") % package
        self.message_user(request, done, messages.SUCCESS)


def in_words(package: ForSale, remote: RemoteCatalog) -> str:
    """Return where a package or plan differs from Stripe."""
    drift = find_drift(package, remote)
    if drift:
        return "; ".join(drift)
    return chip(_("in sync"), "success") if package.stripe_product_id else EMPTY
