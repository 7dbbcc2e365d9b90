"""What Stripe holds, for staff to look at: dj-stripe's tables, read-only.

dj-stripe's own pages let staff edit and delete rows that nothing pushes to Stripe, and show API keys and
webhook secrets. None of them stays; the tables that help with a buyer's question get one to read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import djstripe.admin  # noqa: F401 - its pages must be there before they can be taken away
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from djstripe import models as djstripe_models
from unfold.admin import ModelAdmin

import billing.stripe_mirror  # noqa: F401 - keeps API keys out of dj-stripe's tables in every process
from billing.money import Money

Column = Callable[[Any], Any]


def amount_of(key: str, title: Any) -> Column:
    """A column with an amount of Stripe's. dj-stripe's ``amount`` divides by 100, whatever the currency."""

    @display(description=title)
    def column(row: Any) -> str:
        amount = row.stripe_data.get(key)
        return "" if amount is None else str(Money(amount, row.stripe_data["currency"]))

    return column


def field_of(key: str, title: Any) -> Column:
    """A column with a field of Stripe's object."""

    @display(description=title)
    def column(row: Any) -> Any:
        return row.stripe_data.get(key) or ""

    return column


def link_to(key: str, title: Any) -> Column:
    """A column that leads to the related object's page, without fetching it."""

    @display(description=title)
    def column(row: Any) -> str:
        stripe_id = getattr(row, f"{key}_id")
        if not stripe_id:
            return ""
        page = reverse(f"admin:djstripe_{key.replace('_', '')}_changelist")
        return format_html('<a href="{}?q={}">{}</a>', page, stripe_id, stripe_id)

    return column


@display(description=_("deleted at Stripe"), boolean=True)
def is_deleted(row: Any) -> bool:
    return bool(row.stripe_data.get("deleted"))


@display(description=_("card"))
def card(row: Any) -> str:
    details = row.stripe_data.get("card")
    return f"{details['brand']} •••• {details['last4']}" if details else ""


@display(description=_("at Stripe"))
def dashboard(row: Any) -> str:
    return format_html('<a href="{0}" rel="noreferrer">{0}</a>', row.get_stripe_dashboard_url())


class MirrorAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """A page that can only be read, by anyone: a superuser's POST is refused too."""

    columns: tuple[str | Column, ...] = ()
    search_fields: tuple[str, ...] = ("id__exact",)
    search_help_text = _("The whole id, as Stripe shows it.")
    list_filter: tuple[str, ...] = ("livemode",)
    ordering = ("-created", "-djstripe_id")
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def get_list_display(self, request: HttpRequest) -> tuple[str | Column, ...]:
        return ("id", *self.columns, "created")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str | Column, ...]:
        return ("id", *self.columns, dashboard, "livemode", "created", "djstripe_updated", "stripe_data")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str | Column, ...]:
        return self.get_fields(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            raise PermissionDenied
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        # dj-stripe's names of charges and prices hold an amount, and a wrong one for yen.
        context["subtitle"] = context["original"].id
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response


class ProductAdmin(MirrorAdmin):
    columns = ("name", "active", is_deleted)
    list_filter = ("active", "livemode")


class PriceAdmin(MirrorAdmin):
    columns = (
        link_to("product", _("product")),
        amount_of("unit_amount", _("price")),
        "active",
        "lookup_key",
        is_deleted,
    )
    search_fields = ("id__exact", "product__id__exact", "lookup_key__exact")
    list_filter = ("active", "livemode")


class CustomerAdmin(MirrorAdmin):
    columns = ("email", field_of("name", _("name")), is_deleted)
    search_fields = ("id__exact", "email__iexact")


class PaymentIntentAdmin(MirrorAdmin):
    columns = (
        amount_of("amount", _("amount")),
        field_of("status", _("status")),
        link_to("customer", _("customer")),
    )


class ChargeAdmin(MirrorAdmin):
    columns = (
        amount_of("amount", _("amount")),
        amount_of("amount_refunded", _("refunded")),
        "status",
        link_to("payment_intent", _("payment intent")),
        link_to("customer", _("customer")),
    )
    search_fields = ("id__exact", "payment_intent__id__exact", "customer__id__exact")
    list_filter = ("status", "livemode")


class SessionAdmin(MirrorAdmin):
    columns = (
        amount_of("amount_total", _("total")),
        field_of("status", _("status")),
        field_of("payment_status", _("payment")),
        field_of("client_reference_id", _("purchase")),
        link_to("payment_intent", _("payment intent")),
        link_to("customer", _("customer")),
    )
    search_fields = ("id__exact", "payment_intent__id__exact", "customer__id__exact")


class EventAdmin(MirrorAdmin):
    columns = ("type", "api_version")
    search_fields = ("id__exact", "type__exact")


class RefundAdmin(MirrorAdmin):
    columns = (
        amount_of("amount", _("amount")),
        field_of("status", _("status")),
        field_of("reason", _("reason")),
        link_to("charge", _("charge")),
    )
    search_fields = ("id__exact", "charge__id__exact")


class DisputeAdmin(MirrorAdmin):
    columns = (
        amount_of("amount", _("amount")),
        field_of("status", _("status")),
        field_of("reason", _("reason")),
        link_to("charge", _("charge")),
    )
    search_fields = ("id__exact", "charge__id__exact")


class PaymentMethodAdmin(MirrorAdmin):
    columns = ("type", card, link_to("customer", _("customer")))
    search_fields = ("id__exact", "customer__id__exact")


class BalanceTransactionAdmin(MirrorAdmin):
    columns = (
        "type",
        amount_of("amount", _("amount")),
        amount_of("fee", _("fee")),
        amount_of("net", _("net")),
    )


class AccountAdmin(MirrorAdmin):
    columns = (field_of("country", _("country")), field_of("default_currency", _("currency")))


PAGES: dict[type[Model], type[MirrorAdmin]] = {
    djstripe_models.Account: AccountAdmin,
    djstripe_models.BalanceTransaction: BalanceTransactionAdmin,
    djstripe_models.Charge: ChargeAdmin,
    djstripe_models.Customer: CustomerAdmin,
    djstripe_models.Dispute: DisputeAdmin,
    djstripe_models.Event: EventAdmin,
    djstripe_models.PaymentIntent: PaymentIntentAdmin,
    djstripe_models.PaymentMethod: PaymentMethodAdmin,
    djstripe_models.Price: PriceAdmin,
    djstripe_models.Product: ProductAdmin,
    djstripe_models.Refund: RefundAdmin,
    djstripe_models.Session: SessionAdmin,
}


def take_over_pages(site: admin.AdminSite) -> None:
    """Takes all of dj-stripe's pages off the site and puts ours in place of those that staff need."""
    for model in apps.get_app_config("djstripe").get_models():
        if site.is_registered(model):
            site.unregister(model)
    for model, page in PAGES.items():
        site.register(model, page)


take_over_pages(admin.site)
