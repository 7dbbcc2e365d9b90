"""Refund a purchase or an uncredited payment, in a dialog."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
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
from billing.refunds.claims import Part, claim_of
from billing.refunds.models import Refund
from billing.refunds.owed_payments import OwedPayment, owed_payments
from billing.refunds.refundable import left_to_refund, why_not_refundable
from billing.refunds.refunding import (
    LONGEST_NOTE,
    LotEffect,
    Preview,
    RefundOrder,
    preview_refund,
    refund_purchase,
)
from core.amounts.form_fields import AmountField, WholeNumberField
from credits.formatting import credits_amount


class RefundDialog(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """What both dialogs ask. ``key`` makes a double click refund once; the texts are for the object's history."""

    failed = "Refund failed"
    done = "Refunded"
    unanswered = _(
        "Stripe didn’t respond. The credits were removed, and the refund will be retried automatically."
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
        self.fields["key"].initial = uuid4().hex

    def _order(self, **of_this_kind: Any) -> RefundOrder:
        return RefundOrder(
            note=self.cleaned_data["note"],
            origin=Refund.Origin.ADMIN,
            asked_by=cast(User, self.request.user),
            idempotency_key=f"admin:{self.cleaned_data['key']}",
            **of_this_kind,
        )

    def allowance(self, currency: str) -> str:
        return refund_limits.describe_limit(cast(User, self.request.user), currency)

    def succeeded(self, refund: Refund) -> str:
        raise NotImplementedError


class RefundForm(RefundDialog):
    """Asks for an amount, which defaults to the unspent share."""

    form_before_template = "admin/billing/refund_preview.html"
    field_order = ["amount", "policy", "reason"]

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

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.choices_shown = previews(self.purchase)
        self.fields["policy"].initial = settings.REFUND_POLICY
        if self.choices_shown:
            self.fields["amount"].initial = self.choices_shown[0].amount.major

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {
            "purchase": self.purchase,
            "left": left_to_refund(self.purchase),
            "reason": why_not_refundable(self.purchase),
            "previews": self.choices_shown,
            "lots": _by_lot(self.choices_shown),
            "allowance": self.allowance(self.purchase.currency),
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
        reason, policy = Refund.Reason(data["reason"]), Refund.Policy(data["policy"])
        return self._order(amount_minor=data["amount"], reason=reason, policy=policy)

    def succeeded(self, refund: Refund) -> str:
        claim = claim_of(refund)
        taken = credits_amount(claim.taken)
        if not claim.pending:
            message = _("%(amount)s refunded, %(credits)s credits removed.")
            return message % {"amount": refund.amount, "credits": taken}
        message = _(
            "%(amount)s refunded. %(credits)s credits removed; %(pending)s more will be removed when "
            "their holds end."
        )
        return message % {"amount": refund.amount, "credits": taken, "pending": credits_amount(claim.pending)}


class RefundPaymentForm(RefundDialog):
    """Refunds a whole uncredited payment; ``payment`` and ``minor`` record which was shown, so that no other is."""

    form_before_template = "admin/billing/refund_payment_preview.html"
    failed = "Payment refund failed"
    done = "Refunded a payment of"
    unanswered = _("Stripe didn’t respond. The refund will be retried automatically.")

    payment = forms.UUIDField(widget=forms.HiddenInput)
    minor = WholeNumberField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.owed = first_owed(self.purchase)
        if self.owed:
            self.fields["payment"].initial = self.owed.payment.pk
            self.fields["minor"].initial = self.owed.left.minor

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"owed": self.owed, "allowance": self.allowance(self.owed.left.currency) if self.owed else ""}

    def order(self) -> RefundOrder:
        data = self.cleaned_data
        return self._order(
            amount_minor=data["minor"],
            reason=Refund.Reason.OTHER,
            policy=Refund.Policy(settings.REFUND_POLICY),
            payment_id=data["payment"],
        )

    def succeeded(self, refund: Refund) -> str:
        return _("%s refunded. No credits were affected.") % refund.amount


def first_owed(purchase: Purchase) -> OwedPayment | None:
    """Return the payment that the button refunds: the oldest uncredited one."""
    return next(iter(owed_payments(purchase)), None)


def _by_lot(choices: list[Preview]) -> list[tuple[Part, list[LotEffect]]]:
    """Return each lot, with what each of the refunds does to it."""
    return [
        (effects[0].part, list(effects)) for effects in zip(*(each.lots for each in choices), strict=True)
    ]


def previews(purchase: Purchase) -> list[Preview]:
    """Preview the two usual refunds: the unspent share, and all that is left."""
    left = left_to_refund(purchase)
    if not left.minor:
        return []
    unspent, whole = preview_refund(purchase), preview_refund(purchase, left.minor)
    return [whole] if unspent.amount.minor in (0, whole.amount.minor) else [unspent, whole]


def refund_and_tell(page: Any, request: HttpRequest, form: RefundForm | RefundPaymentForm) -> None:
    """Refund what the form says, then report the outcome in a message and in the object's history."""
    try:
        refund = refund_purchase(form.purchase.pk, form.order())
    except BillingError as error:
        page.log_change(request, form.purchase, f"{form.failed}: {error.code}")
        page.message_user(request, error.for_staff, messages.ERROR)
    else:
        with override(settings.LANGUAGE_CODE):  # the history is for all staff
            page.log_change(request, form.purchase, f"{form.done} {refund.amount}: {refund.note}")
        page.message_user(request, *_outcome(refund, form))


def _outcome(refund: Refund, form: RefundDialog) -> tuple[Any, int]:
    if refund.status == Refund.Status.FAILED:
        refused = refund.refusal or _("Stripe refused: %s.") % in_words(refund.failure_reason)
        return _("%s Nothing was refunded.") % refused, messages.ERROR
    if refund.status == Refund.Status.REQUESTED:
        return form.unanswered, messages.WARNING
    return form.succeeded(refund), messages.SUCCESS
