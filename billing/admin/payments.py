"""Show payments at Stripe, with method and outcome."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.search import users_named
from backoffice.display import EMPTY, chip, link_to
from backoffice.long_lists import LongListAdmin
from billing.admin.djstripe_pages import link_to_mirrored
from billing.admin.returns import list_of
from billing.purchases.models import Payment
from billing.purchases.payment_methods import paid_with
from core.uuids import as_uuid

STATE_TONES: dict[str, str] = {
    Payment.State.PAID: "success",
    Payment.State.PROCESSING: "warning",
    Payment.State.FAILED: "danger",
}


@admin.register(Payment)
class PaymentAdmin(LongListAdmin):
    is_audited = True
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
    search_fields = ["id"]  # shows the search box; get_search_results searches
    search_help_text = _("Exact purchase ID, Stripe payment or charge ID, or buyer’s name or email.")
    list_select_related = ["purchase__user", "lot"]
    fields = [
        "state_chip",
        "credited",
        "detail",
        "amount_shown",
        "paid_with",
        "purchase_link",
        "buyer",
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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        word = search_term.strip()
        if not word:
            return queryset, False
        named = (
            Q(stripe_payment_intent_id=word)
            | Q(stripe_charge_id=word)
            | Q(purchase__user__in=users_named(word))
        )
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(purchase=identifier)
        return queryset.filter(named), False

    @display(description=_("state"), ordering="state")
    def state_chip(self, payment: Payment) -> str:
        return chip(payment.get_state_display(), STATE_TONES.get(payment.state))

    @display(description=_("credits"))
    def credited(self, payment: Payment) -> Any:
        if payment.lot is not None:
            return link_to(payment.lot)
        return chip(payment.get_attention_display(), "danger") if payment.attention else EMPTY

    @display(description=_("amount"), ordering="amount_minor")
    def amount_shown(self, payment: Payment) -> str:
        return str(payment.amount)

    @display(description=_("paid with"))
    def paid_with(self, payment: Payment) -> str:
        return paid_with(payment) or EMPTY

    @display(description=_("purchase"))
    def purchase_link(self, payment: Payment) -> str:
        return link_to(payment.purchase)

    @display(description=_("buyer"))
    def buyer(self, payment: Payment) -> str:
        return link_to(payment.purchase.user)

    @display(description=_("refunds"))
    def refunds_shown(self, payment: Payment) -> str:
        return list_of(payment.refunds.order_by("created_at"))

    @display(description=_("disputes"))
    def disputes_shown(self, payment: Payment) -> str:
        return list_of(payment.disputes.order_by("created_at"))

    @display(description=_("Stripe charge"))
    def charge_at_stripe(self, payment: Payment) -> str:
        return link_to_mirrored("charge", payment.stripe_charge_id or None)
