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
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from accounts.downloads import DownloadableList
from accounts.models import User
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, chip, in_words, link_to, link_to_list, pairs, shortened
from backoffice.filters import column_filter
from backoffice.long_lists import LongListAdmin
from backoffice.period_filter import PeriodFilter
from billing.admin.customer_links import customer_column
from billing.admin.downloads import DOWNLOAD_SALES
from billing.admin.purchases.payments import list_of_payments
from billing.admin.purchases.purchase_events import PurchaseEventInline
from billing.admin.purchases.refund_dialog import RefundForm, RefundPaymentForm, first_owed, refund_and_tell
from billing.admin.purchases.reversals import list_of
from billing.admin.purchases.to_do_filter import ToDoFilter
from billing.admin.purchases.totals import totals_of
from billing.checkout.repair import rerun_fulfilment
from billing.errors import BillingError
from billing.inbox.models import InboxEvent
from billing.money import Money
from billing.purchases.exports import purchases_csv
from billing.purchases.models import Purchase
from billing.purchases.selectors import purchases_named
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
REFUND, RERUN = "refunds.refund_purchase", "purchases.rerun_fulfilment"
CLAWBACK_PARTS = {
    "taken": _("removed"),
    "pending": _("pending"),
    "owed": _("billed"),
    "waived": _("written off"),
}


@admin.register(Purchase)
class PurchaseAdmin(DownloadableList, LongListAdmin):
    is_audited = True
    ordering = ["-created_at", "-id"]
    asked_for = ("user", "account", "charged_method", "discount_code")
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
    list_filter = [
        "status",
        ToDoFilter,
        column_filter("package_code", _("package"), package_codes_bought),
        ("created_at", PeriodFilter),
    ]
    list_filter_submit = True
    search_fields = ["id"]
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
            {
                "fields": [
                    "package_shown",
                    "lines_shown",
                    "credits_shown",
                    "bonus_shown",
                    "price_shown",
                    "list_price",
                    "reduced_by",
                    "paid",
                    "totals_shown",
                    "validity",
                ]
            },
        ),
        (
            _("Buyer and dates"),
            {
                "fields": [
                    "buyer",
                    "customer",
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
        (_("Ledger"), {"fields": ["ledger_account", "ledger_entry", "schedule_shown", "webhook_events"]}),
        (
            _("Stripe"),
            {
                "fields": [
                    "payments_shown",
                    "charged_card",
                    "consent_link",
                    "stripe_session_id",
                    "stripe_customer_id",
                ]
            },
        ),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    status_chip = chip_column("status", STATUS_TONES)
    failure_shown = column(_("failure"), "failure_code", in_words)
    credits_shown = column(_("credits"), "credits", credits_amount, ordering="credits")
    price_shown = column(_("price"), "price", ordering="price_minor")
    buyer = column(_("buyer"), "user", link_to, ordering="user__username")
    customer = customer_column("account_id")
    ledger_account = column(_("account"), "account", link_to)
    charged_card = column(_("charged card"), "charged_method", link_to)
    consent_link = column(_("consent"), "consent", link_to)

    def find(self, queryset: QuerySet[Purchase], word: str) -> QuerySet[Purchase]:
        return purchases_named(queryset, word)

    @display(description=_("payments"))
    def payments_shown(self, purchase: Purchase) -> str:
        return list_of_payments(purchase)

    @display(description=_("needs attention"), ordering="attention")
    def attention_chip(self, purchase: Purchase) -> str:
        return chip(purchase.get_attention_display(), "danger") if purchase.attention else EMPTY

    @display(description=_("package"))
    def package_shown(self, purchase: Purchase) -> str:
        name = f"{purchase.package_name} ({purchase.package_code})"
        return link_to(purchase.package, name) if purchase.package else name

    @display(description=_("packages"))
    def lines_shown(self, purchase: Purchase) -> str:
        return pairs({each.name: Money(each.price_minor, purchase.currency) for each in purchase.lines.all()})

    @display(description=_("offers and code"))
    def reduced_by(self, purchase: Purchase) -> str:
        taken_off = {
            purchase.sale_name: purchase.sale_minor,
            purchase.multi_buy_name: purchase.multi_buy_minor,
            purchase.discount_code: purchase.code_minor,
        }
        return pairs({name: Money(-minor, purchase.currency) for name, minor in taken_off.items() if name})

    @display(description=_("bonus credits"))
    def bonus_shown(self, purchase: Purchase) -> str:
        return credits_amount(purchase.bonus_credits) if purchase.bonus_credits else EMPTY

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

    @display(description=_("tax and promotion"))
    def totals_shown(self, purchase: Purchase) -> str:
        return pairs(totals_of(purchase))

    @display(description=_("refunded"))
    def refunded_shown(self, purchase: Purchase) -> str:
        return str(purchase.refunded) if purchase.refunded_minor else EMPTY

    @display(description=_("refundable"))
    def left_shown(self, purchase: Purchase) -> str:
        return why_not_refundable(purchase) or str(left_to_refund(purchase))

    @display(description=_("credits removed"))
    def credits_back(self, purchase: Purchase) -> str:
        claims = [claim for lot in purchase.lots for claim in lot.clawbacks.all()]
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

    @display(description=_("validity"))
    def validity(self, purchase: Purchase) -> Any:
        if several := {each.name: _validity(each.validity_days) for each in purchase.lines.all()}:
            return pairs(several)
        return _validity(purchase.validity_days)

    @display(description=_("OpenID subject"))
    def subject(self, purchase: Purchase) -> str:
        return shortened(self.whole_subject(purchase))

    @display(description=_("OpenID subject"))
    def whole_subject(self, purchase: Purchase) -> str:
        return (purchase.user and purchase.user.oidc_sub) or EMPTY

    @display(description=_("ledger entry"))
    def ledger_entry(self, purchase: Purchase) -> str:
        return link_to(Entry.objects.filter(account=purchase.account_id, key=purchase.grant_key).first())

    @display(description=_("scheduled grants"))
    def schedule_shown(self, purchase: Purchase) -> str:
        grants = purchase.scheduled_grants.select_related("lot").order_by("position")
        lines = [
            (
                credits_amount(each.credits),
                date_format(timezone.localtime(each.due_at), "DATE_FORMAT"),
                link_to(each.lot) if each.lot else _("not granted"),
            )
            for each in grants
        ]
        return format_html_join("", "{}, {}: {}<br>", lines) or EMPTY

    @display(description=_("webhook events"))
    def webhook_events(self, purchase: Purchase) -> str:
        return link_to_list(InboxEvent, _("View events"), purchase__id__exact=purchase.pk)

    def lines_of(self, rows: QuerySet[Purchase]) -> Iterator[str]:
        return purchases_csv(rows)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide actions that don't apply, whose URLs still explain why, and refunds of your own purchase."""
        purchase = self.get_object(request, unquote(str(object_id)))
        if purchase is None:
            return []
        may = may_refund(purchase, cast(User, request.user))
        applies = {
            "refund": may and left_to_refund(purchase).minor,
            "refund_payment": may and first_owed(purchase),
            "close_unpaid": is_closable(purchase),
            "receipt": purchase.has_receipt,
        }
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        actions = super().get_actions_detail(request, object_id)
        return [each for each in actions if applies.get(each.action_name.removeprefix(prefix), True)]

    @action(description=_("Receipt (PDF)"), url_path="receipt", permissions=["view"])
    def receipt(self, request: HttpRequest, object_id: str) -> HttpResponse:
        purchase: Purchase = acted_on(self, request, object_id)
        try:
            return purchase_document(purchase)
        except BillingError as error:
            self.message_user(request, error.for_staff, messages.ERROR)
            return redirect("admin:purchases_purchase_change", quote(purchase.pk))

    @dialog_action(
        _("Refund"),
        permission=REFUND,
        title=_("Refund this purchase?"),
        explained=_("Removes the credits and asks Stripe to refund the buyer."),
        form=RefundForm,
    )
    def refund(self, request: HttpRequest, form: RefundForm, object_id: str) -> HttpResponse:
        refund_and_tell(self, request, form)
        return back_to(request, form.purchase)

    @dialog_action(
        _("Refund payment"),
        permission=REFUND,
        title=_("Refund this payment?"),
        explained=_("Asks Stripe to refund the whole payment. No credits are affected."),
        form=RefundPaymentForm,
    )
    def refund_payment(self, request: HttpRequest, form: RefundPaymentForm, object_id: str) -> HttpResponse:
        refund_and_tell(self, request, form)
        return back_to(request, form.purchase)

    @dialog_action(
        _("Close without credits"),
        permission=RERUN,
        title=_("Close this purchase without credits?"),
        explained=_(
            "Nothing was paid. The purchase is marked as failed, and later events of this checkout "
            "can’t reopen it. To add credits anyway, adjust the buyer’s account."
        ),
        button=_("Close"),
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
        return back_to(request, purchase)

    @dialog_action(
        _("Re-check payment"),
        permission=RERUN,
        title=_("Re-check this payment?"),
        explained=_(
            "Asks Stripe for the payment’s status, and adds the credits if it is paid and not yet credited."
        ),
        button=_("Re-check"),
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
        return back_to(request, purchase)

    def _tell_outcome(self, request: HttpRequest, purchase: Purchase) -> None:
        if purchase.attention:
            message = _("Not credited: %s.") % purchase.get_attention_display()
            self.message_user(request, message, messages.WARNING)
        else:
            message = _("Done. Status: %s.") % purchase.get_status_display()
            self.message_user(request, message, messages.SUCCESS)


def _validity(days: int | None) -> str:
    return str(_("no expiry")) if days is None else ngettext("%s day", "%s days", days) % days
