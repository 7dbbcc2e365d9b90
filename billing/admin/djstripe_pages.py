"""Show dj-stripe's tables to staff, read-only.

dj-stripe's own pages let staff edit and delete rows without changing Stripe, and show API keys and webhook secrets.
They are all unregistered; only tables that help with a buyer's question and that no page of ours shows get one here.
"""

from __future__ import annotations

from typing import Any

import djstripe.admin  # noqa: F401 - registers its pages, which take_over_pages unregisters
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import display
from django.contrib.admin.utils import display_for_value
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from djstripe import models as djstripe_models

import billing.stripe.mirror  # noqa: F401 - keeps API keys out of dj-stripe's tables in every process
from backoffice.display import EMPTY, chip, in_words, link_to_list, pretty_json, shortened
from backoffice.read_only import ReadOnlyAdmin
from billing.admin.inbox.payloads import MASKED, Column, personal, seen_by
from billing.money import Money
from billing.purchases.models import Payment
from billing.stripe.masking import masked

TONES = {"succeeded": "success", "pending": "warning", "failed": "danger"}


def amount_of(key: str, title: Any) -> Column:
    """Return a column with a Stripe amount; dj-stripe's ``amount`` divides by 100 whatever the currency."""

    @display(description=title)
    def column(row: Any) -> str:
        amount = row.stripe_data.get(key)
        return EMPTY if amount is None else str(Money(amount, row.stripe_data["currency"]))

    return column


def field_of(key: str, title: Any) -> Column:
    """Return a column with a field of the Stripe object."""

    @display(description=title)
    def column(row: Any) -> Any:
        return row.stripe_data.get(key) or EMPTY

    return column


def own(name: str, title: Any, *, boolean: bool = False) -> Column:
    """Return a column with a field of dj-stripe's, without its help text for editors."""

    def column(row: Any) -> Any:
        value = getattr(row, name)
        return value if boolean else display_for_value(value, EMPTY) or EMPTY

    column.__name__ = name  # names the cell's class
    return display(column, description=title, ordering=name, boolean=boolean)


def link_of(model: str, title: Any) -> Column:
    """Return a column that links to a related object without fetching it."""

    @display(description=title)
    def column(row: Any) -> str:
        return link_to_mirrored(model, getattr(row, f"{model}_id"))

    return column


def link_to_mirrored(model: str, stripe_id: str | None) -> str:
    """Return a link to where a Stripe object is, or will be once mirrored; a dash without an id."""
    if not stripe_id:
        return EMPTY
    url = reverse(f"admin:djstripe_{model}_changelist", query={"q": stripe_id})
    return format_html('<a class="admin-link" href="{}">{}</a>', url, shortened(stripe_id))


def charges_of_payment_method(stripe_id: str, most: int) -> list[str]:
    """Return the ids of mirrored charges that were made with this payment method."""
    charges = djstripe_models.Charge.objects.filter(payment_method_id=stripe_id).order_by()
    return list(charges.values_list("id", flat=True)[:most])


@display(description=_("ID"), ordering="id")
def stripe_id(row: Any) -> str:
    return shortened(row.id)


@display(description=_("deleted"), boolean=True)
def is_deleted(row: Any) -> bool:
    return bool(row.stripe_data.get("deleted"))


@display(description=_("status"))
def charge_status(row: Any) -> str:
    code = row.stripe_data.get("status")
    return chip(in_words(code), TONES.get(code)) if code else EMPTY


@display(description=_("payment"))
def payment(row: Any) -> str:
    """Link to our payment by Stripe's ID."""
    return link_to_list(Payment, shortened(row.payment_intent_id), q=row.payment_intent_id)


@personal
@display(description=_("card"))
def card(row: Any) -> str:
    details = row.stripe_data.get("card")
    return f"{in_words(details['brand'])} •••• {details['last4']}" if details else EMPTY


@display(description=_("Stripe dashboard"))
def dashboard(row: Any) -> str:
    url = row.get_stripe_dashboard_url()
    return format_html('<a class="admin-link" href="{}" rel="noreferrer">{}</a>', url, _("Open in Stripe"))


@display(description=_("Stripe object"))
def stripe_object(row: Any) -> str:
    return pretty_json(row.stripe_data)


@display(description=_("Stripe object (personal data hidden)"))
def masked_stripe_object(row: Any) -> str:
    return pretty_json(masked(row.stripe_data))


MASKED[stripe_object] = masked_stripe_object

active = own("active", _("active"), boolean=True)
created = own("created", _("created"))
livemode = own("livemode", _("live"), boolean=True)
mirrored = own("djstripe_updated", _("mirrored"))


class ById:
    """A row under its id, for the page's title: dj-stripe's own names hold amounts that are wrong for yen."""

    def __init__(self, row: Any) -> None:
        self.pk, self.id, self._meta = row.pk, row.id, row._meta

    def __str__(self) -> str:
        return str(self.id)


class MirrorAdmin(ReadOnlyAdmin):
    """A page of Stripe objects; ``columns`` are in the list and on the page, ``details`` only on the page."""

    columns: tuple[Column, ...] = ()
    details: tuple[Column, ...] = ()
    search_fields: Any = ("id__exact",)
    search_help_text = _("Full Stripe ID.")
    list_filter: Any = ("livemode",)
    ordering: Any = ("-created", "-djstripe_id")

    def get_list_display(self, request: HttpRequest) -> tuple[Column, ...]:
        return seen_by(request, (stripe_id, *self.columns, created))

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str | Column, ...]:
        shown = (*self.columns, *self.details, created, mirrored, livemode, dashboard)
        return seen_by(request, ("id", *shown, stripe_object))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str | Column, ...]:
        return self.get_fields(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["original"] = ById(context["original"])
        context["subtitle"] = str(context["original"])
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response


class ProductAdmin(MirrorAdmin):
    columns = (own("name", _("name")), active, is_deleted)
    list_filter = ("active", "livemode")


class PriceAdmin(MirrorAdmin):
    columns = (
        amount_of("unit_amount", _("price")),
        link_of("product", _("product")),
        active,
        own("lookup_key", _("lookup key")),
    )
    details = (is_deleted,)
    search_fields = ("id__exact", "product__id__exact", "lookup_key__exact")
    list_filter = ("active", "livemode")


class CustomerAdmin(MirrorAdmin):
    columns = (personal(own("email", _("email"))), personal(field_of("name", _("name"))), is_deleted)
    search_fields = ("id__exact", "email__normal_form")


class ChargeAdmin(MirrorAdmin):
    columns = (
        amount_of("amount", _("amount")),
        amount_of("amount_refunded", _("refunded")),
        charge_status,
        payment,
    )
    details = (link_of("customer", _("customer")),)
    search_fields = ("id__exact", "payment_intent__id__exact", "customer__id__exact")
    list_filter = ("status", "livemode")


class PaymentMethodAdmin(MirrorAdmin):
    columns = (own("type", _("type")), card, link_of("customer", _("customer")))
    search_fields = ("id__exact", "customer__id__exact")


class BalanceTransactionAdmin(MirrorAdmin):
    columns = (
        own("type", _("type")),
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
    djstripe_models.PaymentMethod: PaymentMethodAdmin,
    djstripe_models.Price: PriceAdmin,
    djstripe_models.Product: ProductAdmin,
}


def take_over_pages(site: admin.AdminSite) -> None:
    """Replace all of dj-stripe's pages with those that staff need."""
    for model in apps.get_app_config("djstripe").get_models():
        if site.is_registered(model):
            site.unregister(model)
    for model, page in PAGES.items():
        site.register(model, page)
    apps.get_app_config("djstripe").verbose_name = _("Stripe records")


take_over_pages(admin.site)
