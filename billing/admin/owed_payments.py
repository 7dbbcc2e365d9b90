"""Refund an uncredited payment, in a dialog."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import User
from backoffice.actions import row_of
from backoffice.display import EMPTY, in_words, link_to, shortened
from billing.errors import BillingError
from billing.purchases.models import Payment, Purchase
from billing.purchases.payment_methods import paid_with
from billing.refunds import limits as refund_limits
from billing.refunds.models import Refund
from billing.refunds.owed_payments import OwedPayment, owed_payments
from billing.refunds.refunding import LONGEST_NOTE, RefundOrder, refund_purchase
from core.amounts.form_fields import WholeNumberField


class RefundPaymentForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """The dialog's form. ``payment`` and ``minor`` record what was shown, so that nothing else is refunded; ``key``
    makes a double click refund once.
    """

    form_before_template = "admin/billing/refund_payment_preview.html"

    note = forms.CharField(
        label=_("Internal note"),
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Stored with your name; the buyer doesn’t see it."),
    )
    payment = forms.UUIDField(widget=forms.HiddenInput)
    minor = WholeNumberField(widget=forms.HiddenInput)
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.owed = first_owed(row_of(Purchase, self))
        self.fields["key"].initial = uuid4().hex
        if self.owed:
            self.fields["payment"].initial = self.owed.payment.pk
            self.fields["minor"].initial = self.owed.left.minor

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        member, owed = cast(User, request.user), self.owed
        allowance = refund_limits.describe_limit(member, owed.left.currency) if owed else ""
        return {"owed": owed, "allowance": allowance}

    def order(self) -> RefundOrder:
        data = self.cleaned_data
        return RefundOrder(
            amount_minor=data["minor"],
            reason=Refund.Reason.OTHER,
            policy=Refund.Policy(settings.REFUND_POLICY),
            note=data["note"],
            origin=Refund.Origin.ADMIN,
            asked_by=cast(User, self.request.user),
            idempotency_key=f"admin:{data['key']}",
            payment_id=data["payment"],
        )


def first_owed(purchase: Purchase) -> OwedPayment | None:
    """Return the payment that the button refunds: the oldest uncredited one."""
    return next(iter(owed_payments(purchase)), None)


def list_of_payments(purchase: Purchase) -> str:
    """List a purchase's payments, with payment method and outcome."""
    left = {owed.payment.pk: owed.left for owed in owed_payments(purchase)}
    lines = (
        (
            link_to(payment, payment.amount),
            paid_with(payment) or EMPTY,
            shortened(payment.stripe_payment_intent_id),
            _what_came_of(payment, left),
        )
        for payment in purchase.payments.order_by("created_at", "pk")
    )
    return format_html_join(mark_safe("<br>"), "{} · {} · {} · {}", lines) or EMPTY


def _what_came_of(payment: Payment, left: dict[Any, Any]) -> Any:
    if payment.pk in left:
        return _("%s to refund") % left[payment.pk]
    if payment.is_paid and not payment.is_accepted:
        return _("refunded")
    return _("accepted") if payment.is_accepted else payment.get_state_display()


def refund_payment_and_tell(
    page: Any, request: HttpRequest, purchase: Purchase, form: RefundPaymentForm
) -> None:
    """Refund the payment, then report the outcome in a message and in the object's history."""
    try:
        refund = refund_purchase(purchase.pk, form.order())
    except BillingError as error:
        page.log_change(request, purchase, f"Payment refund failed: {error.code}")
        page.message_user(request, error.for_staff, messages.ERROR)
    else:
        page.log_change(request, purchase, f"Refunded a payment of {refund.amount}: {refund.note}")
        page.message_user(request, *_outcome(refund))


def _outcome(refund: Refund) -> tuple[Any, int]:
    if refund.status == Refund.Status.FAILED:
        refused = refund.refusal or _("Stripe refused: %s.") % in_words(refund.failure_reason)
        return _("%s Nothing was refunded.") % refused, messages.ERROR
    if refund.status == Refund.Status.REQUESTED:
        return _("Stripe didn’t respond. The refund will be retried automatically."), messages.WARNING
    return _("%s refunded. No credits were affected.") % refund.amount, messages.SUCCESS
