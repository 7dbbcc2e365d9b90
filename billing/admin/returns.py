"""Money that goes back: the dialog that refunds, the lists of refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.downloads import DownloadableList
from accounts.models import User
from billing.admin.downloads import DOWNLOAD_SALES
from billing.errors import BillingError
from billing.exports import refunds_csv
from billing.models import Dispute, Purchase, Refund
from billing.money import Money
from billing.refunds import LONGEST_NOTE, Preview, RefundOrder, preview_refund, refund_purchase
from config.admin_display import EMPTY, chip, in_words, link_to
from config.period_filter import PeriodFilter
from config.read_only_admin import ReadOnlyAdmin
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
STRIPE_DISPUTES = "https://dashboard.stripe.com/disputes/"


class RefundForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """What is paid, refunded and left stands above the fields; the amount begins with the unspent share.

    ``key`` is made with the form, so that a double click refunds once.
    """

    form_before_template = "admin/billing/refund_preview.html"

    amount = forms.DecimalField(
        label=_("Amount"), max_digits=20, decimal_places=3, widget=UnfoldAdminTextInputWidget
    )
    policy = forms.ChoiceField(
        label=_("Credits that were spent"), choices=Refund.Policy.choices, widget=UnfoldAdminSelectWidget
    )
    reason = forms.ChoiceField(
        label=_("Reason for Stripe"),
        choices=Refund.Reason.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        label=_("Why"),
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Kept with the refund, with your name. The buyer doesn’t see it."),
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.purchase = Purchase.objects.get(pk=unquote(str(self.object_id)))
        self.choices_shown = previews(self.purchase)
        self.fields["policy"].initial = settings.REFUND_POLICY
        self.fields["key"].initial = uuid4().hex
        if self.choices_shown:
            self.fields["amount"].initial = self.choices_shown[0].amount.major

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"purchase": self.purchase, "previews": self.choices_shown}

    def clean_amount(self) -> int:
        """In minor units."""
        try:
            money = Money.from_major(cast(Decimal, self.cleaned_data["amount"]), self.purchase.currency)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return money.minor

    def order(self) -> RefundOrder:
        data = self.cleaned_data
        return RefundOrder(
            amount_minor=data["amount"],
            reason=Refund.Reason(data["reason"]),
            policy=Refund.Policy(data["policy"]),
            note=data["note"],
            origin=Refund.Origin.ADMIN,
            asked_by=cast(User, self.request.user),
            idempotency_key=f"admin:{data['key']}",
        )


def previews(purchase: Purchase) -> list[Preview]:
    """What the two usual refunds would do: the unspent share, and all that is left."""
    if not purchase.is_credited or purchase.refundable.minor <= 0:
        return []
    unspent, whole = preview_refund(purchase), preview_refund(purchase, purchase.refundable.minor)
    return [whole] if unspent.amount.minor in (0, whole.amount.minor) else [unspent, whole]


def refund_and_tell(page: Any, request: HttpRequest, purchase: Purchase, form: RefundForm) -> None:
    """Refunds, and says in the page's messages and the object's history what came of it."""
    try:
        refund = refund_purchase(purchase.pk, form.order())
    except BillingError as error:
        page.log_change(request, purchase, f"Tried to refund: {error.code}")
        page.message_user(request, error.message, messages.ERROR)
    else:
        page.log_change(request, purchase, f"Refunded {refund.amount}: {refund.note}")
        page.message_user(request, *_outcome(refund))


def list_of(rows: QuerySet[Any]) -> str:
    """Each with its amount and status, linked to its page."""
    links = format_html_join(mark_safe("<br>"), "{}", ((link_to(row),) for row in rows))
    return links or EMPTY


def _outcome(refund: Refund) -> tuple[Any, int]:
    if refund.status == Refund.Status.FAILED:
        return _("Stripe refused: %s. Nothing was refunded.") % in_words(
            refund.failure_reason
        ), messages.ERROR
    if refund.status == Refund.Status.REQUESTED:
        told = _(
            "Stripe didn’t answer. The credits are out of the account, and the refund goes on by itself."
        )
        return told, messages.WARNING
    taken = credits_amount(refund.credits_taken)
    return (
        _("%(amount)s refunded, %(credits)s credits taken back.")
        % {"amount": refund.amount, "credits": taken},
        messages.SUCCESS,
    )


class ReturnColumns:
    """What refunds and disputes have in common."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("purchase__user")  # type: ignore[misc,no-any-return]  # an admin's

    @display(description=_("purchase"))
    def purchase_link(self, row: Any) -> str:
        return link_to(row.purchase) if row.purchase else EMPTY

    @display(description=_("buyer"))
    def buyer(self, row: Any) -> str:
        return link_to(row.purchase.user) if row.purchase else EMPTY

    @display(description=_("amount"), ordering="amount_minor")
    def amount_shown(self, row: Any) -> str:
        return str(row.amount)

    @display(description=_("credits taken back"))
    def taken(self, row: Any) -> str:
        return credits_amount(row.credits_taken)

    @display(description=_("credits owed"))
    def owed(self, row: Any) -> str:
        return credits_amount(row.credits_owed) if row.credits_owed else EMPTY

    @display(description=_("credits let go"))
    def let_go(self, row: Any) -> str:
        gone = row.credits_asked - row.credits_taken - row.credits_owed
        return credits_amount(gone) if gone else EMPTY


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
        "purchase__id__exact",
        "stripe_payment_intent_id__exact",
    ]
    search_help_text = _("Refund, purchase or payment id.")
    download_permission, download_name = DOWNLOAD_SALES, "refunds"
    fields = [
        "status_chip",
        "failure",
        "amount_shown",
        "purchase_link",
        "buyer",
        "reason",
        "note",
        "policy",
        "taken",
        "owed",
        "let_go",
        "origin",
        "asked_by_name",
        "created_at",
        "settled_at",
        "mailed_at",
        "stripe_refund_id",
        "stripe_payment_intent_id",
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

    @display(description=_("asked for by"))
    def asked_by_name(self, refund: Any) -> str:
        return str(refund.staff_name or refund.asked_by or EMPTY)


@admin.register(Dispute)
class DisputeAdmin(ReturnColumns, ReadOnlyAdmin):
    is_audited = True
    list_display = [
        "created_at",
        "buyer",
        "purchase_link",
        "amount_shown",
        "taken",
        "status_chip",
        "reason",
        "due_by",
    ]
    list_filter = ["status", "reason", "created_at"]
    search_fields = ["stripe_dispute_id__exact", "purchase__id__exact", "stripe_payment_intent_id__exact"]
    search_help_text = _("Stripe’s dispute or payment id, or the purchase’s.")
    fields = [
        "status_chip",
        "due_by",
        "evidence",
        "amount_shown",
        "reason",
        "purchase_link",
        "buyer",
        "taken",
        "owed",
        "let_go",
        "created_at",
        "closed_at",
        "staff_told_at",
        "stripe_dispute_id",
        "stripe_charge_id",
        "stripe_payment_intent_id",
    ]
    readonly_fields = fields

    @display(description=_("status"), ordering="status")
    def status_chip(self, dispute: Dispute) -> str:
        return chip(dispute.get_status_display(), DISPUTE_TONES.get(dispute.status))

    @display(description=_("evidence"))
    def evidence(self, dispute: Dispute) -> str:
        if dispute.status not in Dispute.NEEDING_ANSWER:
            return EMPTY
        address = f"{STRIPE_DISPUTES}{dispute.stripe_dispute_id}"
        return format_html('<a href="{}" rel="noreferrer">{}</a>', address, _("Answer it at Stripe"))
