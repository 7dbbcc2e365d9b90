"""Show Stripe's customers, their saved payment methods, and the consents to charge these."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.decorators import display

from backoffice.columns import column
from backoffice.display import EMPTY, chip, link_to, link_to_list, shortened
from backoffice.long_lists import LongListAdmin
from billing.admin.djstripe_pages import link_to_mirrored
from billing.customers.models import Consent, Customer, SavedMethod
from billing.purchases.models import Purchase
from core.uuids import as_uuid
from credits.statement.traces import accounts_named


def customers_named(word: str) -> QuerySet[Customer]:
    """Return the customers that a whole word names: by Stripe's id, ours, or the account's or its owner's name."""
    named = Q(stripe_customer_id=word) | Q(account__in=accounts_named(word))
    if identifier := as_uuid(word):
        named |= Q(pk=identifier)
    return Customer.objects.filter(named)


@admin.register(Customer)
class CustomerAdmin(LongListAdmin):
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "account_link", "name", "email", "at_stripe", "state"]
    search_fields = ["id"]
    search_help_text = _("Exact Stripe customer or account ID; or name or email of its user, or team.")
    list_select_related = ["account__owner", "account__team"]
    fields = [
        "state",
        "account_link",
        "name",
        "email",
        "at_stripe",
        "default_shown",
        "methods_link",
        "consents_link",
        "created_at",
        "deleted_at",
        "id",
    ]
    readonly_fields = fields

    account_link = column(_("account"), "account", link_to)

    def find(self, queryset: QuerySet[Customer], word: str) -> QuerySet[Customer]:
        return queryset.filter(pk__in=customers_named(word).values("pk"))

    @display(description=_("Stripe customer"))
    def at_stripe(self, customer: Customer) -> str:
        return link_to_mirrored("customer", customer.stripe_customer_id)

    @display(description=_("state"))
    def state(self, customer: Customer) -> str:
        if customer.deleted_at:
            return chip(_("Deleted at Stripe"))
        return chip(_("Being deleted"), "warning") if customer.delete_at_stripe else EMPTY

    @display(description=_("default at Stripe"))
    def default_shown(self, customer: Customer) -> str:
        found = customer.methods.filter(stripe_payment_method_id=customer.default_method)
        return link_to(found.first()) if customer.default_method else EMPTY

    @display(description=_("saved payment methods"))
    def methods_link(self, customer: Customer) -> str:
        return link_to_list(SavedMethod, _("View"), customer__id__exact=customer.pk)

    @display(description=_("consents"))
    def consents_link(self, customer: Customer) -> str:
        return link_to_list(Consent, _("View"), customer__id__exact=customer.pk)


@admin.register(SavedMethod)
class SavedMethodAdmin(LongListAdmin):
    ordering = ["-attached_at", "-id"]
    asked_for = ("customer",)
    list_display = ["attached_at", "account_link", "named", "expires", "state"]
    search_fields = ["id"]
    search_help_text = _(
        "Exact Stripe payment method or customer ID, or account ID; or name or email of its user, or team."
    )
    list_select_related = ["customer__account__owner", "customer__account__team"]
    fields = [
        "state",
        "named",
        "expires",
        "account_link",
        "customer_link",
        "consents_link",
        "purchases_link",
        "at_stripe",
        "attached_at",
        "detached_at",
        "reported_at",
        "id",
    ]
    readonly_fields = fields

    account_link = column(_("account"), "customer.account", link_to)
    customer_link = column(_("customer"), "customer", link_to)
    named = column(_("card"), "named")

    def find(self, queryset: QuerySet[SavedMethod], word: str) -> QuerySet[SavedMethod]:
        named = Q(stripe_payment_method_id=word) | Q(customer__in=customers_named(word).values("pk"))
        if identifier := as_uuid(word):
            named |= Q(pk=identifier)
        return queryset.filter(named)

    @display(description=_("expires"))
    def expires(self, method: SavedMethod) -> str:
        return f"{method.exp_month:02}/{method.exp_year}" if method.exp_month else EMPTY

    @display(description=_("state"))
    def state(self, method: SavedMethod) -> str:
        if method.detached_at:
            return chip(pgettext("card", "Removed"))
        return (
            chip(pgettext("card", "Expired"), "danger")
            if method.has_expired
            else chip(pgettext("card", "Saved"), "success")
        )

    @display(description=_("Stripe payment method"))
    def at_stripe(self, method: SavedMethod) -> str:
        return link_to_mirrored("paymentmethod", method.stripe_payment_method_id)

    @display(description=_("consents"))
    def consents_link(self, method: SavedMethod) -> str:
        named = {"stripe_payment_method_id__exact": method.stripe_payment_method_id}
        return link_to_list(Consent, _("View"), **named)

    @display(description=_("purchases"))
    def purchases_link(self, method: SavedMethod) -> str:
        return link_to_list(Purchase, _("View"), charged_method__id__exact=method.pk)


@admin.register(Consent)
class ConsentAdmin(LongListAdmin):
    ordering = ["-given_at", "-id"]
    asked_for = ("customer", "stripe_payment_method_id")
    list_display = ["given_at", "account_link", "kind", "giver", "method_at_stripe", "state"]
    search_fields = ["id"]
    search_help_text = SavedMethodAdmin.search_help_text
    list_select_related = ["customer__account__owner", "customer__account__team", "given_by"]
    fields = [
        "state",
        "kind",
        "wording",
        "account_link",
        "customer_link",
        "card",
        "giver",
        "given_at",
        "withdrawn_at",
        "id",
    ]
    readonly_fields = fields

    account_link = column(_("account"), "customer.account", link_to)
    customer_link = column(_("customer"), "customer", link_to)
    method_at_stripe = column(_("Stripe payment method"), "stripe_payment_method_id", shortened)

    def find(self, queryset: QuerySet[Consent], word: str) -> QuerySet[Consent]:
        named = Q(stripe_payment_method_id=word) | Q(customer__in=customers_named(word).values("pk"))
        if identifier := as_uuid(word):
            named |= Q(pk=identifier)
        return queryset.filter(named)

    @display(description=_("given by"))
    def giver(self, consent: Consent) -> Any:
        return link_to(consent.given_by) if consent.given_by else _("on Stripe’s page")

    @display(description=_("card"))
    def card(self, consent: Consent) -> str:
        methods = SavedMethod.objects.filter(stripe_payment_method_id=consent.stripe_payment_method_id)
        return link_to(methods.first()) if consent.stripe_payment_method_id else EMPTY

    @display(description=_("state"))
    def state(self, consent: Consent) -> str:
        return chip(_("Withdrawn")) if consent.withdrawn_at else chip(_("In force"), "success")
