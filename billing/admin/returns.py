"""List refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.downloads import DownloadableList
from accounts.models import User
from backoffice.actions import acted_on, after_dialog
from backoffice.display import EMPTY, chip, in_words, link_to
from backoffice.period_filter import PeriodFilter
from backoffice.read_only import ReadOnlyAdmin
from billing.admin.downloads import DOWNLOAD_SALES
from billing.errors import BillingError
from billing.money import Money
from billing.refunds.exports import refunds_csv
from billing.refunds.models import Dispute, Refund
from billing.refunds.resolving import resolve_reversal
from billing.refunds.reversals import amount_of, clawback_of
from billing.stripe.dashboard import dispute_page
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount
from credits.ledger.models import Clawback

REFUND_TONES: dict[str, str] = {
    Refund.Status.SUCCEEDED: "success",
    Refund.Status.REQUESTED: "warning",
    Refund.Status.PENDING: "warning",
    Refund.Status.REQUIRES_ACTION: "warning",
    Refund.Status.FAILED: "danger",
}
DISPUTE_TONES: dict[str, str] = {
    Dispute.Status.NEEDS_RESPONSE: "danger",
    Dispute.Status.WARNING_NEEDS_RESPONSE: "warning",
    Dispute.Status.UNDER_REVIEW: "warning",
    Dispute.Status.WARNING_UNDER_REVIEW: "warning",
    Dispute.Status.WON: "success",
    Dispute.Status.LOST: "danger",
}


def list_of(rows: QuerySet[Any]) -> str:
    """Link to each row, labelled with its amount and status."""
    links = format_html_join(mark_safe("<br>"), "{}", ((link_to(row),) for row in rows))
    return links or EMPTY


class SayAmountForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """Takes a reversal's amount in its payment's currency."""

    amount = AmountField(
        label=_("Amount"),
        max_digits=20,
        decimal_places=3,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("In the payment’s currency."),
    )


class ReturnColumns:
    """Columns that refunds and disputes share."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("payment__purchase__user")  # type: ignore[misc,no-any-return]  # an admin's

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Load the clawbacks of all rows on the page in one query."""
        changes = super().get_changelist_instance(request)  # type: ignore[misc]  # an admin's
        claims = Clawback.objects.in_bulk([row.pk for row in changes.result_list])
        for row in changes.result_list:
            row.claim = claims.get(row.pk)
        return changes

    @display(description=_("purchase"))
    def purchase_link(self, row: Any) -> str:
        return link_to(row.purchase)

    @display(description=_("buyer"))
    def buyer(self, row: Any) -> str:
        return link_to(row.purchase.user)

    @display(description=_("payment"))
    def payment_link(self, row: Any) -> str:
        return link_to(row.payment)

    @display(description=_("converted amount"))
    def counted(self, row: Any) -> Any:
        return _("unknown") if row.counted_minor is None else str(amount_of(row))

    @display(description=_("amount"), ordering="amount_minor")
    def amount_shown(self, row: Any) -> str:
        return str(row.amount)

    @display(description=_("credits removed"))
    def taken(self, row: Any) -> str:
        return self._of_claim(row, "taken")

    @display(description=_("credits pending"))
    def pending(self, row: Any) -> str:
        return self._of_claim(row, "pending")

    @display(description=_("credits billed"))
    def owed(self, row: Any) -> str:
        return self._of_claim(row, "owed")

    @display(description=_("credits written off"))
    def waived(self, row: Any) -> str:
        return self._of_claim(row, "waived")

    def has_say_amount_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("refunds.refund_purchase")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer the action only if Stripe gave no exchange rate."""
        row = self.get_object(request, unquote(str(object_id)))  # type: ignore[attr-defined]  # an admin's
        is_known = row is None or row.counted_minor is not None
        return [] if is_known else super().get_actions_detail(request, object_id)  # type: ignore[misc]  # an admin's

    @action(
        description=_("Enter amount"),
        url_path="say-amount",
        permissions=["say_amount"],
        dialog={
            "title": _("Enter the converted amount"),
            "description": _(
                "Its currency differs from the payment’s, and Stripe gave no exchange rate. Stripe’s "
                "dashboard shows the amount deducted from your balance."
            ),
            "form_class": SayAmountForm,
            "form_submit_text": _("Save"),
        },
    )
    def say_amount(self, request: HttpRequest, form: SayAmountForm, object_id: str) -> HttpResponse:
        row: Any = acted_on(self, request, object_id)
        try:
            money = Money.from_major(form.cleaned_data["amount"], row.payment.currency)
            resolve_reversal(type(row), row.pk, money.minor, cast(User, request.user).pk)
        except (BillingError, ValueError) as error:
            self.message_user(request, str(error), messages.ERROR)  # type: ignore[attr-defined]  # an admin's
        else:
            self.log_change(request, row, f"Entered the amount: {money}")  # type: ignore[attr-defined]  # an admin's
            told = _("Amount set to %s.") % money
            self.message_user(request, told, messages.SUCCESS)  # type: ignore[attr-defined]  # an admin's
        page = f"admin:refunds_{row._meta.model_name}_change"
        return after_dialog(request, reverse(page, args=[quote(row.pk)]))

    def _of_claim(self, row: Any, name: str) -> str:
        if not hasattr(row, "claim"):
            row.claim = clawback_of(row)
        amount = getattr(row.claim, name) if row.claim else Decimal(0)
        return credits_amount(amount) if amount else EMPTY


@admin.register(Refund)
class RefundAdmin(DownloadableList, ReturnColumns, ReadOnlyAdmin):
    is_audited = True
    list_display = [
        "created_at",
        "buyer",
        "purchase_link",
        "amount_shown",
        "taken",
        "status_chip",
        "reason",
        "origin",
    ]
    list_filter = ["status", "reason", "origin", "policy", ("created_at", PeriodFilter)]
    list_filter_submit = True
    search_fields = [
        "id__exact",
        "stripe_refund_id__exact",
        "payment__purchase__id__exact",
        "payment__stripe_payment_intent_id__exact",
    ]
    actions_detail = ["say_amount"]
    search_help_text = _("Refund, purchase or payment ID.")
    download_permission, download_name = DOWNLOAD_SALES, "refunds"
    fields = [
        "status_chip",
        "failure",
        "amount_shown",
        "counted",
        "purchase_link",
        "buyer",
        "reason",
        "note",
        "policy",
        "taken",
        "pending",
        "owed",
        "waived",
        "origin",
        "asked_by_name",
        "created_at",
        "made_at",
        "settled_at",
        "mailed_at",
        "payment_link",
        "stripe_refund_id",
        "id",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        staff = User.objects.filter(pk=OuterRef("asked_by")).values("username")[:1]
        refunds: QuerySet[Any] = super().get_queryset(request).annotate(staff_name=Subquery(staff))
        return refunds

    @display(description=_("status"), ordering="status")
    def status_chip(self, refund: Refund) -> str:
        return chip(refund.get_status_display(), REFUND_TONES.get(refund.status))

    def lines_of(self, rows: QuerySet[Refund]) -> Iterator[str]:
        return refunds_csv(rows)

    @display(description=_("failure"))
    def failure(self, refund: Refund) -> str:
        return in_words(refund.failure_reason)

    @display(description=_("requested by"))
    def asked_by_name(self, refund: Any) -> str:
        return str(refund.staff_name or refund.asked_by or EMPTY)


@admin.register(Dispute)
class DisputeAdmin(ReturnColumns, ReadOnlyAdmin):
    is_audited = True
    list_display = [
        "made_at",
        "buyer",
        "purchase_link",
        "amount_shown",
        "taken",
        "status_chip",
        "reason",
        "due_by",
    ]
    list_filter = ["status", "reason", "created_at"]
    search_fields = [
        "stripe_dispute_id__exact",
        "payment__purchase__id__exact",
        "payment__stripe_payment_intent_id__exact",
    ]
    actions_detail = ["say_amount"]
    search_help_text = _("Stripe dispute or payment ID, or purchase ID.")
    fields = [
        "status_chip",
        "due_by",
        "evidence",
        "amount_shown",
        "counted",
        "reason",
        "purchase_link",
        "buyer",
        "policy",
        "taken",
        "pending",
        "owed",
        "waived",
        "made_at",
        "created_at",
        "closed_at",
        "staff_told_at",
        "payment_link",
        "stripe_dispute_id",
    ]
    readonly_fields = fields

    @display(description=_("status"), ordering="status")
    def status_chip(self, dispute: Dispute) -> str:
        return chip(dispute.get_status_display(), DISPUTE_TONES.get(dispute.status))

    @display(description=_("evidence"))
    def evidence(self, dispute: Dispute) -> str:
        if dispute.status not in Dispute.NEEDING_ANSWER:
            return EMPTY
        address = dispute_page(dispute.stripe_dispute_id)
        return format_html('<a href="{}" rel="noreferrer">{}</a>', address, _("Respond in Stripe"))
