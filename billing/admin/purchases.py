"""Show purchases, and let staff refund, re-check or close one and download its receipt."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.downloads import DownloadableList
from accounts.models import User
from backoffice.actions import acted_on, after_dialog
from backoffice.display import EMPTY, chip, in_words, link_to, link_to_list, pairs, shortened
from backoffice.long_lists import LongListAdmin
from backoffice.period_filter import PeriodFilter
from billing.admin.downloads import DOWNLOAD_SALES
from billing.admin.owed_payments import (
    RefundPaymentForm,
    first_owed,
    list_of_payments,
    refund_payment_and_tell,
)
from billing.admin.purchase_events import PurchaseEventInline
from billing.admin.refund_dialog import RefundForm, refund_and_tell
from billing.admin.returns import list_of
from billing.checkout.repair import rerun_fulfilment
from billing.errors import BillingError
from billing.inbox.models import InboxEvent
from billing.money import Money
from billing.purchases.exports import purchases_csv
from billing.purchases.models import Purchase
from billing.purchases.selectors import open_purchases, purchases_named, purchases_needing_attention
from billing.receipts.downloads import purchase_document
from billing.refunds.models import Dispute, Refund
from billing.refunds.owed_payments import close_unpaid_purchase, is_closable
from billing.refunds.own_purchases import may_refund
from billing.refunds.refundable import left_to_refund, why_not_refundable
from billing.reporting.selectors import package_codes_bought
from credits.formatting import credits_amount
from credits.ledger.models import Entry

STATUS_TONES: dict[str, str] = {
    Purchase.Status.COMPLETED: "success",
    Purchase.Status.PENDING: "warning",
    Purchase.Status.PROCESSING: "warning",
    Purchase.Status.FAILED: "danger",
    Purchase.Status.PARTIALLY_REFUNDED: "info",
    Purchase.Status.REFUNDED: "info",
    Purchase.Status.DISPUTED: "danger",
}


CLAWBACK_PARTS = {
    "taken": _("removed"),
    "pending": _("pending"),
    "owed": _("billed"),
    "waived": _("written off"),
}


class ToDoFilter(admin.SimpleListFilter):
    """Filters by what the front page counts."""

    title = _("needs action")
    parameter_name = "todo"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("attention", _("Needs attention")), ("open", _("Open"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        if self.value() == "attention":
            return queryset & purchases_needing_attention()
        return queryset & open_purchases() if self.value() == "open" else queryset


class PackageFilter(admin.SimpleListFilter):
    title = _("package")
    parameter_name = "package_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in package_codes_bought()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Purchase]) -> QuerySet[Purchase]:
        return queryset.filter(package_code=self.value()) if self.value() else queryset


@admin.register(Purchase)
class PurchaseAdmin(DownloadableList, LongListAdmin):
    is_audited = True
    ordering = ["-created_at", "-id"]
    asked_for = ("user", "account")
    list_display = [
        "created_at",
        "buyer",
        "subject",
        "package_name",
        "credits_shown",
        "price_shown",
        "status_chip",
        "attention_chip",
    ]
    list_filter = ["status", ToDoFilter, PackageFilter, ("created_at", PeriodFilter)]
    list_filter_submit = True
    search_fields = ["id"]  # shows the search box; get_search_results searches
    search_help_text = _(
        "Exact purchase or account ID; Stripe session, payment or charge ID; buyer’s name, email or "
        "OpenID subject; or team."
    )
    list_select_related = ["user"]
    inlines = [PurchaseEventInline]
    download_permission, download_name = DOWNLOAD_SALES, "purchases"
    actions_detail = ["receipt", "refund", "refund_payment", "close_unpaid", "rerun"]
    fieldsets = [
        (None, {"fields": ["status_chip", "attention_chip", "attention_detail", "failure_shown"]}),
        (
            _("Package"),
            {"fields": ["package_shown", "credits_shown", "price_shown", "list_price", "paid", "validity"]},
        ),
        (
            _("Buyer and dates"),
            {
                "fields": [
                    "buyer",
                    "whole_subject",
                    "created_at",
                    "completed_at",
                    "confirmation_sent_at",
                    "receipts_shown",
                    "id",
                ]
            },
        ),
        (
            _("Refunds and disputes"),
            {
                "fields": [
                    "refunded_shown",
                    "left_shown",
                    "credits_back",
                    "refunds_shown",
                    "disputes_shown",
                ]
            },
        ),
        (_("Ledger"), {"fields": ["ledger_account", "ledger_entry", "webhook_events"]}),
        (_("Stripe"), {"fields": ["payments_shown", "stripe_session_id", "stripe_customer_id"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str
    ) -> tuple[QuerySet[Purchase], bool]:
        word = search_term.strip()
        return (purchases_named(queryset, word) if word else queryset), False

    @display(description=_("status"), ordering="status")
    def status_chip(self, purchase: Purchase) -> str:
        return chip(purchase.get_status_display(), STATUS_TONES.get(purchase.status))

    @display(description=_("needs attention"), ordering="attention")
    def attention_chip(self, purchase: Purchase) -> str:
        return chip(purchase.get_attention_display(), "danger") if purchase.attention else EMPTY

    @display(description=_("failure"))
    def failure_shown(self, purchase: Purchase) -> str:
        return in_words(purchase.failure_code)

    @display(description=_("package"))
    def package_shown(self, purchase: Purchase) -> str:
        name = f"{purchase.package_name} ({purchase.package_code})"
        return link_to(purchase.package, name) if purchase.package else name

    @display(description=_("credits"), ordering="credits")
    def credits_shown(self, purchase: Purchase) -> str:
        return credits_amount(purchase.credits)

    @display(description=_("price"), ordering="price_minor")
    def price_shown(self, purchase: Purchase) -> str:
        return str(purchase.price)

    @display(description=_("list price"))
    def list_price(self, purchase: Purchase) -> str:
        percentage = credits_amount(purchase.discount_percentage)
        return (
            f"{purchase.list_price} (−{percentage}%)"
            if purchase.discount_percentage
            else str(purchase.list_price)
        )

    @display(description=_("paid"))
    def paid(self, purchase: Purchase) -> str:
        return EMPTY if purchase.paid_minor is None else str(Money(purchase.paid_minor, purchase.currency))

    @display(description=_("refunded"))
    def refunded_shown(self, purchase: Purchase) -> str:
        return str(purchase.refunded) if purchase.refunded_minor else EMPTY

    @display(description=_("refundable"))
    def left_shown(self, purchase: Purchase) -> str:
        return why_not_refundable(purchase) or str(left_to_refund(purchase))

    @display(description=_("credits removed"))
    def credits_back(self, purchase: Purchase) -> str:
        payment = purchase.accepted_payment
        claims = list(payment.lot.clawbacks.all()) if payment and payment.lot else []
        parts = {
            str(label): sum((getattr(claim, name) for claim in claims), Decimal(0))
            for name, label in CLAWBACK_PARTS.items()
        }
        return pairs({label: credits_amount(amount) for label, amount in parts.items() if amount})

    @display(description=_("refunds"))
    def refunds_shown(self, purchase: Purchase) -> str:
        return list_of(Refund.objects.filter(payment__purchase=purchase).order_by("created_at"))

    @display(description=_("receipts"))
    def receipts_shown(self, purchase: Purchase) -> str:
        if purchase.invoiced_by_stripe:
            return str(_("Stripe invoice"))
        return list_of(purchase.receipts.order_by("issued_at"))

    @display(description=_("disputes"))
    def disputes_shown(self, purchase: Purchase) -> str:
        return list_of(Dispute.objects.filter(payment__purchase=purchase).order_by("created_at"))

    @display(description=_("payments"))
    def payments_shown(self, purchase: Purchase) -> str:
        return list_of_payments(purchase)

    @display(description=_("validity"))
    def validity(self, purchase: Purchase) -> Any:
        days = purchase.validity_days
        return _("no expiry") if days is None else _("%s days") % days

    @display(description=_("buyer"), ordering="user__username")
    def buyer(self, purchase: Purchase) -> str:
        return link_to(purchase.user)

    @display(description=_("OpenID subject"))
    def subject(self, purchase: Purchase) -> str:
        return shortened(self.whole_subject(purchase))

    @display(description=_("OpenID subject"))
    def whole_subject(self, purchase: Purchase) -> str:
        return (purchase.user and purchase.user.oidc_sub) or EMPTY

    @display(description=_("account"))
    def ledger_account(self, purchase: Purchase) -> str:
        return link_to(purchase.account)

    @display(description=_("ledger entry"))
    def ledger_entry(self, purchase: Purchase) -> str:
        return link_to(Entry.objects.filter(account=purchase.account_id, key=purchase.grant_key).first())

    @display(description=_("webhook events"))
    def webhook_events(self, purchase: Purchase) -> str:
        return link_to_list(InboxEvent, _("View events"), purchase__id__exact=purchase.pk)

    def lines_of(self, rows: QuerySet[Purchase]) -> Iterator[str]:
        return purchases_csv(rows)

    def has_refund_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("refunds.refund_purchase")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide actions that don't apply, whose URLs still explain why, and refunds of your own purchase."""
        actions = super().get_actions_detail(request, object_id)
        purchase = self.get_object(request, unquote(str(object_id)))
        hidden = set()
        if purchase is None or not left_to_refund(purchase).minor:
            hidden.add("refund")
        if purchase is None or first_owed(purchase) is None:
            hidden.add("refund_payment")
        if purchase is None or not is_closable(purchase):
            hidden.add("close_unpaid")
        if purchase is None or not purchase.has_receipt:
            hidden.add("receipt")
        if purchase is not None and not may_refund(purchase, cast(User, request.user)):
            hidden |= {"refund", "refund_payment"}
        names = {f"{self.opts.app_label}_{self.opts.model_name}_{name}" for name in hidden}
        return [action for action in actions if action.action_name not in names]

    @action(description=_("Receipt (PDF)"), url_path="receipt", permissions=["view"])
    def receipt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        try:
            return purchase_document(purchase)
        except BillingError as error:
            self.message_user(request, error.for_staff, messages.ERROR)
            return redirect("admin:purchases_purchase_change", quote(purchase.pk))

    @action(
        description=_("Refund"),
        url_path="refund",
        permissions=["refund"],
        dialog={
            "title": _("Refund this purchase?"),
            "description": _("Removes the credits and asks Stripe to refund the buyer."),
            "form_class": RefundForm,
            "form_submit_text": _("Refund"),
        },
    )
    def refund(self, request: HttpRequest, form: RefundForm, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        refund_and_tell(self, request, purchase, form)
        return after_dialog(request, reverse("admin:purchases_purchase_change", args=[quote(purchase.pk)]))

    @action(
        description=_("Refund payment"),
        url_path="refund-payment",
        permissions=["refund"],
        dialog={
            "title": _("Refund this payment?"),
            "description": _("Asks Stripe to refund the whole payment. No credits are affected."),
            "form_class": RefundPaymentForm,
            "form_submit_text": _("Refund payment"),
        },
    )
    def refund_payment(self, request: HttpRequest, form: RefundPaymentForm, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        refund_payment_and_tell(self, request, purchase, form)
        return after_dialog(request, reverse("admin:purchases_purchase_change", args=[quote(purchase.pk)]))

    @action(
        description=_("Close without credits"),
        url_path="close-unpaid",
        permissions=["rerun"],
        dialog={
            "title": _("Close this purchase without credits?"),
            "description": _(
                "Nothing was paid. The purchase is marked as failed, and later events of this checkout "
                "can’t reopen it. To add credits anyway, adjust the buyer’s account."
            ),
            "form_class": None,
            "form_submit_text": _("Close"),
        },
    )
    def close_unpaid(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        try:
            close_unpaid_purchase(purchase.pk, cast(User, request.user).pk)
        except BillingError as error:
            self.message_user(request, error.for_staff, messages.ERROR)
        else:
            self.log_change(request, purchase, "Closed without credits")
            self.message_user(request, _("Closed. No credits were added."), messages.SUCCESS)
        return after_dialog(request, reverse("admin:purchases_purchase_change", args=[quote(purchase.pk)]))

    def has_rerun_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("purchases.rerun_fulfilment")

    @action(
        description=_("Re-check payment"),
        url_path="rerun",
        permissions=["rerun"],
        dialog={
            "title": _("Re-check this payment?"),
            "description": _(
                "Asks Stripe for the payment’s status, and adds the credits if it is paid and not yet credited."
            ),
            "form_class": None,
            "form_submit_text": _("Re-check"),
        },
    )
    def rerun(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        try:
            purchase = rerun_fulfilment(purchase.pk, cast(User, request.user).pk)
        except BillingError as error:
            self.log_change(request, purchase, f"Payment re-check failed: {error.code}")
            self.message_user(request, error.for_staff, messages.ERROR)
        else:
            self.log_change(request, purchase, f"Re-checked payment: {purchase.status}")
            self._tell_outcome(request, purchase)
        return after_dialog(request, reverse("admin:purchases_purchase_change", args=[quote(purchase.pk)]))

    def _tell_outcome(self, request: HttpRequest, purchase: Purchase) -> None:
        if purchase.attention:
            told = _("Not credited: %s.") % purchase.get_attention_display()
            self.message_user(request, told, messages.WARNING)
        else:
            told = _("Done. The purchase is %s.") % purchase.get_status_display().lower()
            self.message_user(request, told, messages.SUCCESS)
