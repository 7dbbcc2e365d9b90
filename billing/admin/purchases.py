"""Purchases and what happened to them, to read; and a button to run fulfilment again."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.models import User
from billing.errors import BillingError
from billing.models import InboxEvent, Purchase, PurchaseEvent
from billing.repair import rerun_fulfilment
from config.read_only_admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    after_dialog,
    link_to,
    link_to_list,
    pretty_json,
)
from credits.models import Entry

STATUS_COLOURS = {
    Purchase.Status.COMPLETED: "success",
    Purchase.Status.PENDING: "warning",
    Purchase.Status.PROCESSING: "warning",
    Purchase.Status.FAILED: "danger",
    Purchase.Status.EXPIRED: "info",
}


class PurchaseEventInline(ReadOnlyInline):
    model = PurchaseEvent
    fields = [
        "created_at",
        "what",
        "from_status",
        "to_status",
        "source",
        "detail",
        "stripe_event_id",
        "actor_id",
    ]
    readonly_fields = fields
    ordering = ["id"]


class NeedsAttentionFilter(admin.SimpleListFilter):
    title = _("needs attention")
    parameter_name = "needs_attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.exclude(attention="")
        return queryset.filter(attention="") if self.value() == "no" else queryset


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "user",
        "package_name",
        "credits",
        "price_shown",
        "status_chip",
        "attention",
        "id",
    ]
    list_display_links = ["created_at", "id"]
    list_filter = ["status", NeedsAttentionFilter, "package_code", "created_at"]
    search_fields = [
        "id__exact",
        "stripe_session_id__exact",
        "stripe_payment_intent_id__exact",
        "user__username",
        "user__email",
    ]
    search_help_text = _("Purchase id, Stripe's session or payment id, or the buyer's name or e-mail.")
    list_select_related = ["user"]
    inlines = [PurchaseEventInline]
    actions_detail = ["rerun"]
    fieldsets = [
        (None, {"fields": ["id", "status", "attention", "attention_detail", "failure_code"]}),
        (
            _("What was bought"),
            {
                "fields": [
                    "package_name",
                    "package_code",
                    "credits",
                    "price_shown",
                    "list_price",
                    "discount_percentage",
                ]
            },
        ),
        (_("Who and when"), {"fields": ["buyer", "created_at", "completed_at", "confirmation_sent_at"]}),
        (_("Books"), {"fields": ["ledger_account", "ledger_entry", "webhook_events"]}),
        (
            _("At Stripe"),
            {"fields": ["stripe_session_id", "stripe_payment_intent_id", "stripe_customer_id", "paid_minor"]},
        ),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_chip(self, purchase: Purchase) -> tuple[str, Any]:
        return purchase.status, purchase.get_status_display()

    @display(description=_("price"), ordering="price_minor")
    def price_shown(self, purchase: Purchase) -> str:
        return str(purchase.price)

    @display(description=_("buyer"))
    def buyer(self, purchase: Purchase) -> str:
        return link_to(purchase.user)

    @display(description=_("account"))
    def ledger_account(self, purchase: Purchase) -> str:
        return link_to(purchase.account)

    @display(description=_("ledger entry"))
    def ledger_entry(self, purchase: Purchase) -> str:
        return link_to(Entry.objects.filter(account=purchase.account_id, key=purchase.grant_key).first())

    @display(description=_("webhook events"))
    def webhook_events(self, purchase: Purchase) -> str:
        return link_to_list(InboxEvent, _("What Stripe told us of it"), purchase__id__exact=purchase.pk)

    def has_rerun_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("billing.rerun_fulfilment")

    @action(
        description=_("Run fulfilment again"),
        url_path="rerun",
        permissions=["rerun"],
        dialog={
            "title": _("Run fulfilment again?"),
            "description": _(
                "Asks Stripe how the payment stands, and credits it if it is paid and hasn't been."
            ),
            "form_class": None,
            "form_submit_text": _("Run"),
        },
    )
    def rerun(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        try:
            purchase = rerun_fulfilment(UUID(object_id), cast(User, request.user).pk)
        except BillingError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.log_change(request, purchase, f"Ran fulfilment again: {purchase.status}")
            self.message_user(
                request, _("Done. The purchase is %s.") % purchase.get_status_display(), messages.SUCCESS
            )
        return after_dialog(request, reverse("admin:billing_purchase_change", args=[object_id]))


@admin.register(PurchaseEvent)
class PurchaseEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "what", "from_status", "to_status", "source", "purchase_link"]
    list_filter = ["what", "source", "created_at"]
    search_fields = ["purchase__id__exact", "stripe_event_id__exact"]
    search_help_text = _("Purchase id, or Stripe's event id.")
    list_select_related = ["purchase"]
    ordering = ["-id"]
    fields = [
        "purchase_link",
        "what",
        "from_status",
        "to_status",
        "source",
        "detail_shown",
        "stripe_event_id",
        "actor_id",
        "created_at",
    ]
    readonly_fields = fields

    @display(description=_("purchase"))
    def purchase_link(self, event: PurchaseEvent) -> str:
        return link_to(event.purchase)

    @display(description=_("detail"))
    def detail_shown(self, event: PurchaseEvent) -> str:
        return pretty_json(event.detail)
