"""Show payments at Stripe, with method and outcome."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.search import users_named
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, chip, link_to, shortened
from backoffice.long_lists import LongListAdmin
from billing.admin.customer_links import customer_column
from billing.admin.djstripe_pages import link_to_mirrored
from billing.admin.purchases.reversals import list_of
from billing.purchases.models import Payment, Purchase
from billing.purchases.payment_methods import paid_with
from billing.refunds.owed_payments import owed_payments
from core.uuids import as_uuid

STATE_TONES: dict[str, str] = {
    Payment.State.PAID: "success",
    Payment.State.PROCESSING: "warning",
    Payment.State.FAILED: "danger",
}


@admin.register(Payment)
class PaymentAdmin(LongListAdmin):
    is_audited = True
    asked_for = ("purchase__account",)
    ordering = ["-created_at", "-id"]
    list_display = [
        "created_at",
        "buyer",
        "purchase_link",
        "amount_shown",
        "paid_with",
        "state_chip",
        "credited",
    ]
    list_filter = ["state"]
    search_fields = ["id"]
    search_help_text = _("Exact purchase ID, Stripe payment or charge ID, or buyer’s name or email.")
    list_select_related = ["purchase__user", "lot"]
    fields = [
        "state_chip",
        "credited",
        "detail",
        "amount_shown",
        "tax",
        "paid_with",
        "purchase_link",
        "buyer",
        "customer",
        "made_at",
        "paid_at",
        "created_at",
        "refunds_shown",
        "disputes_shown",
        "stripe_payment_intent_id",
        "charge_at_stripe",
        "livemode",
        "id",
    ]
    readonly_fields = fields

    state_chip = chip_column("state", STATE_TONES, _("state"))
    amount_shown = column(_("amount"), "amount", ordering="amount_minor")
    tax = column(_("tax"), "tax")
    purchase_link = column(_("purchase"), "purchase", link_to)
    buyer = column(_("buyer"), "purchase.user", link_to)
    customer = customer_column("purchase.account_id")

    def find(self, queryset: QuerySet[Payment], word: str) -> QuerySet[Payment]:
        named = (
            Q(stripe_payment_intent_id=word)
            | Q(stripe_charge_id=word)
            | Q(purchase__user__in=users_named(word))
        )
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(purchase=identifier)
        return queryset.filter(named)

    @display(description=_("credits"))
    def credited(self, payment: Payment) -> Any:
        if payment.lot is not None:
            return link_to(payment.lot)
        return chip(payment.get_attention_display(), "danger") if payment.attention else EMPTY

    @display(description=_("paid with"))
    def paid_with(self, payment: Payment) -> str:
        return paid_with(payment) or EMPTY

    @display(description=_("refunds"))
    def refunds_shown(self, payment: Payment) -> str:
        return list_of(payment.refunds.order_by("created_at"))

    @display(description=_("disputes"))
    def disputes_shown(self, payment: Payment) -> str:
        return list_of(payment.disputes.order_by("created_at"))

    @display(description=_("Stripe charge"))
    def charge_at_stripe(self, payment: Payment) -> str:
        return link_to_mirrored("charge", payment.stripe_charge_id or None)


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
