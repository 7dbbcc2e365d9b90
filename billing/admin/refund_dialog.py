"""Refund a purchase, in a dialog."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from backoffice.actions import row_of
from backoffice.display import in_words
from billing.currencies import too_fine
from billing.errors import BillingError
from billing.money import Money
from billing.purchases.models import Purchase
from billing.refunds import limits as refund_limits
from billing.refunds.models import Refund
from billing.refunds.refundable import left_to_refund, why_not_refundable
from billing.refunds.refunding import LONGEST_NOTE, Preview, RefundOrder, preview_refund, refund_purchase
from billing.refunds.reversals import clawback_of
from core.amounts.form_fields import AmountField
from credits.formatting import credits_amount


class RefundForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """The dialog's form. The amount defaults to the unspent share; ``key`` makes a double click refund once."""

    form_before_template = "admin/billing/refund_preview.html"

    amount = AmountField(
        label=_("Amount"), max_digits=20, decimal_places=3, widget=UnfoldAdminTextInputWidget
    )
    policy = forms.ChoiceField(
        label=_("Spent credits"), choices=Refund.Policy.choices, widget=UnfoldAdminSelectWidget
    )
    reason = forms.ChoiceField(
        label=_("Reason for Stripe"),
        choices=Refund.Reason.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        label=_("Internal note"),
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Stored with your name; the buyer doesn’t see it."),
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.purchase = row_of(Purchase, self)
        self.choices_shown = previews(self.purchase)
        self.fields["policy"].initial = settings.REFUND_POLICY
        self.fields["key"].initial = uuid4().hex
        if self.choices_shown:
            self.fields["amount"].initial = self.choices_shown[0].amount.major

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {
            "purchase": self.purchase,
            "left": left_to_refund(self.purchase),
            "reason": why_not_refundable(self.purchase),
            "previews": self.choices_shown,
            "allowance": refund_limits.describe_limit(cast(User, request.user), self.purchase.currency),
        }

    def clean_amount(self) -> int:
        """Return the amount in minor units."""
        try:
            money = Money.from_major(cast(Decimal, self.cleaned_data["amount"]), self.purchase.currency)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if refusal := too_fine(money.minor, money.currency):
            raise forms.ValidationError(refusal)
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
    """Preview the two usual refunds: the unspent share, and all that is left."""
    left = left_to_refund(purchase)
    if not left.minor:
        return []
    unspent, whole = preview_refund(purchase), preview_refund(purchase, left.minor)
    return [whole] if unspent.amount.minor in (0, whole.amount.minor) else [unspent, whole]


def refund_and_tell(page: Any, request: HttpRequest, purchase: Purchase, form: RefundForm) -> None:
    """Refund the purchase, then report the outcome in a message and in the object's history."""
    try:
        refund = refund_purchase(purchase.pk, form.order())
    except BillingError as error:
        page.log_change(request, purchase, f"Refund failed: {error.code}")
        page.message_user(request, error.for_staff, messages.ERROR)
    else:
        page.log_change(request, purchase, f"Refunded {refund.amount}: {refund.note}")
        page.message_user(request, *_outcome(refund))


def _outcome(refund: Refund) -> tuple[Any, int]:
    if refund.status == Refund.Status.FAILED:
        refused = refund.refusal or _("Stripe refused: %s.") % in_words(refund.failure_reason)
        return _("%s Nothing was refunded.") % refused, messages.ERROR
    if refund.status == Refund.Status.REQUESTED:
        told = _(
            "Stripe didn’t respond. The credits were removed, and the refund will be retried automatically."
        )
        return told, messages.WARNING
    claim = clawback_of(refund)
    taken = credits_amount(claim.taken if claim else Decimal(0))
    if claim and claim.pending:
        told = _(
            "%(amount)s refunded. %(credits)s credits removed; %(pending)s more will be removed when "
            "their holds end."
        )
        pending = credits_amount(claim.pending)
        return told % {"amount": refund.amount, "credits": taken, "pending": pending}, messages.SUCCESS
    return (
        _("%(amount)s refunded, %(credits)s credits removed.") % {"amount": refund.amount, "credits": taken},
        messages.SUCCESS,
    )
