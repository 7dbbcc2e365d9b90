"""Packages: edited here, synced to Stripe by an action, with what has drifted at Stripe beside each."""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from billing.catalog_sync import sync_package
from billing.errors import BillingError
from billing.models import Package
from billing.money import Money
from billing.remote_catalog import RemoteCatalog, find_drift, mirrored_remote_catalog
from config.read_only_admin import after_dialog


class PackageForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes the price as people write it (45.00) and keeps it in the currency's smallest unit."""

    price = forms.DecimalField(
        label=_("Price"),
        min_value=Decimal(0),
        max_digits=15,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_(
            "In the currency's main unit: 45.00. A new price takes effect at Stripe with the next sync."
        ),
    )

    class Meta:
        model = Package
        exclude = ["price_minor"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["price"].initial = self.instance.price.major

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and "currency" in data:
            try:
                self.instance.price_minor = Money.from_major(data["price"], data["currency"]).minor
            except ValueError as error:
                self.add_error("price", str(error))
        return data


@admin.register(Package)
class PackageAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    form = PackageForm
    list_filter = ["is_active", "currency", "badge"]
    search_fields = ["code", "name", "stripe_product_id", "stripe_price_id"]
    actions = ["sync_selected"]
    actions_detail = ["sync_this"]
    readonly_fields = ["stripe_product_id", "stripe_price_id", "drift"]
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
                    "discount_percentage",
                ]
            },
        ),
        (_("In the shop window"), {"fields": ["is_active", "badge", "display_order", "validity_days"]}),
        (_("At Stripe"), {"fields": ["stripe_product_id", "stripe_price_id", "drift"]}),
    ]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        drift = _drift_column(functools.cache(mirrored_remote_catalog))
        return [
            "name",
            "code",
            "credits",
            "price_shown",
            "discount_percentage",
            "badge",
            "is_active",
            "display_order",
            drift,
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Package | None = None) -> bool:
        # Off sale is enough, and a deleted package could come back under its code with another price.
        return False

    @display(description=_("price"), ordering="price_minor")
    def price_shown(self, package: Package) -> str:
        return str(package.price)

    @display(description=_("differs from Stripe"))
    def drift(self, package: Package) -> str:
        return _in_words(package, mirrored_remote_catalog()) if package.pk else ""

    @admin.action(description=_("Sync to Stripe"), permissions=["change"])
    def sync_selected(self, request: HttpRequest, packages: QuerySet[Package]) -> None:
        for package in packages:
            self._sync(request, package)

    @action(
        description=_("Sync to Stripe"),
        url_path="sync",
        permissions=["change"],
        dialog={
            "title": _("Sync this package to Stripe?"),
            "description": _(
                "Its product is created or updated. A new price is made if the amount has changed."
            ),
            "form_class": None,
            "form_submit_text": _("Sync"),
        },
    )
    def sync_this(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        self._sync(request, Package.objects.get(pk=object_id))
        return after_dialog(request, reverse("admin:billing_package_change", args=[object_id]))

    def _sync(self, request: HttpRequest, package: Package) -> None:
        try:
            steps = sync_package(package)
        except BillingError as error:
            self.message_user(request, f"{package}: {error.message}", messages.ERROR)
            return
        done = ", ".join(step.what for step in steps) or _("off sale, nothing to do")
        self.log_change(request, package, f"Synced to Stripe: {done}")
        self.message_user(request, f"{package}: {done}", messages.SUCCESS)


def _drift_column(remote: Callable[[], RemoteCatalog]) -> Callable[[Package], str]:
    """A column that reads the mirror once for the whole list."""

    def drift(package: Package) -> str:
        return _in_words(package, remote())

    column: Callable[[Package], str] = display(drift, description=_("differs from Stripe"))
    return column


def _in_words(package: Package, remote: RemoteCatalog) -> str:
    return "; ".join(find_drift(package, remote)) or "–"  # noqa: RUF001 - a dash
