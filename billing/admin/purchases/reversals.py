"""List refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.downloads import DownloadableList
from accounts.models import User
from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import Column, chip_column, column
from backoffice.display import EMPTY, in_words, link_to
from backoffice.period_filter import PeriodFilter
from backoffice.read_only import ReadOnlyAdmin
from billing.admin.customer_links import customer_column
from billing.admin.downloads import DOWNLOAD_SALES
from billing.errors import BillingError
from billing.money import Money
from billing.refunds.claims import claim_of, claimed_by
from billing.refunds.exports import refunds_csv
from billing.refunds.models import Dispute, Refund
from billing.refunds.resolving import resolve_reversal
from billing.refunds.reversals import amount_of
from billing.stripe.dashboard import dispute_page
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount

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


def of_clawback(name: str, title: Any) -> Column:
    """Return a column with an amount of a reversal's clawback."""

    @display(description=title)
    def shown(page: Any, row: Any) -> str:
        if not hasattr(row, "claim"):
            row.claim = claim_of(row)
        amount = getattr(row.claim, name)
        return credits_amount(amount) if amount else EMPTY

    made: Column = shown
    return made


class ReversalAdmin(ReadOnlyAdmin):
    """What the pages of refunds and disputes share."""

    is_audited = True
    lists_from_replica = True
    asked_for = ("payment__purchase__account",)
    actions_detail = ["say_amount"]

    purchase_link = column(_("purchase"), "purchase", link_to)
    buyer = column(_("buyer"), "purchase.user", link_to)
    customer = customer_column("purchase.account_id")
    payment_link = column(_("payment"), "payment", link_to)
    amount_shown = column(_("amount"), "amount", ordering="amount_minor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("payment__purchase__user")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Load the clawbacks of all rows on the page in one query."""
        changes = super().get_changelist_instance(request)
        claims = claimed_by(changes.result_list)
        for row in changes.result_list:
            row.claim = claims[row.pk]
        return changes

    @display(description=_("converted amount"))
    def counted(self, row: Any) -> Any:
        return _("unknown") if row.counted_minor is None else str(amount_of(row))

    taken = of_clawback("taken", _("credits removed"))
    pending = of_clawback("pending", _("credits pending"))
    owed = of_clawback("owed", _("credits billed"))
    waived = of_clawback("waived", _("credits written off"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer the action only if Stripe gave no exchange rate."""
        row = self.get_object(request, unquote(str(object_id)))
        is_known = row is None or row.counted_minor is not None
        return [] if is_known else super().get_actions_detail(request, object_id)

    @dialog_action(
        _("Enter amount"),
        permission="refunds.refund_purchase",
        title=_("Enter the converted amount"),
        explained=_(
            "Its currency differs from the payment’s, and Stripe gave no exchange rate. Stripe’s "
            "dashboard shows the amount deducted from your balance."
        ),
        form=SayAmountForm,
        button=_("Save"),
    )
    def say_amount(self, request: HttpRequest, form: SayAmountForm, object_id: str) -> HttpResponse:
        row: Any = acted_on(self, request, object_id)
        try:
            money = Money.from_major(form.cleaned_data["amount"], row.payment.currency)
            resolve_reversal(type(row), row.pk, money.minor, cast(User, request.user).pk)
        except (BillingError, ValueError) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            with override(settings.LANGUAGE_CODE):  # the history is for all staff
                self.log_change(request, row, f"Entered the amount: {money}")
            message = _("Amount set to %s.") % money
            self.message_user(request, message, messages.SUCCESS)
        return back_to(request, row)


@admin.register(Refund)
class RefundAdmin(DownloadableList, ReversalAdmin):
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
    search_help_text = _("Refund, purchase or payment ID.")
    download_permission, download_name = DOWNLOAD_SALES, "refunds"
    fields = [
        "status_chip",
        "failure",
        "amount_shown",
        "counted",
        "purchase_link",
        "buyer",
        "customer",
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

    status_chip = chip_column("status", REFUND_TONES)
    failure = column(_("failure"), "failure_reason", in_words)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        staff = User.objects.filter(pk=OuterRef("asked_by")).values("username")[:1]
        refunds: QuerySet[Any] = super().get_queryset(request).annotate(staff_name=Subquery(staff))
        return refunds

    def lines_of(self, rows: QuerySet[Refund]) -> Iterator[str]:
        return refunds_csv(rows)

    @display(description=_("requested by"))
    def asked_by_name(self, refund: Any) -> str:
        return str(refund.staff_name or refund.asked_by or EMPTY)


@admin.register(Dispute)
class DisputeAdmin(ReversalAdmin):
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
        "customer",
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

    status_chip = chip_column("status", DISPUTE_TONES)

    @display(description=_("evidence"))
    def evidence(self, dispute: Dispute) -> str:
        if dispute.status not in Dispute.NEEDING_ANSWER:
            return EMPTY
        address = dispute_page(dispute.stripe_dispute_id)
        return format_html('<a href="{}" rel="noreferrer">{}</a>', address, _("Respond in Stripe"))
