"""Show subscriptions, with their terms and invoices. They are changed by their subscribers, or at Stripe."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.search import users_named
from backoffice.columns import chip_column, column
from backoffice.display import EMPTY, link_to
from backoffice.long_lists import LongListAdmin
from billing.subscriptions.models import Subscription
from core.uuids import as_uuid
from credits.formatting import credits_amount

TONES: dict[str, str] = {
    Subscription.Status.ACTIVE: "success",
    Subscription.Status.TRIALING: "info",
    Subscription.Status.PAST_DUE: "danger",
    Subscription.Status.UNPAID: "danger",
    Subscription.Status.INCOMPLETE: "warning",
}


@admin.register(Subscription)
class SubscriptionAdmin(LongListAdmin):
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "account_link", "plan", "status_chip", "period_end", "cancel_at_period_end"]
    list_filter = ["status"]
    search_fields = ["id"]
    search_help_text = _("Exact ID, Stripe subscription or session ID, or subscriber’s name or email.")
    list_select_related = ["account", "created_by"]
    fields = [
        "status_chip", "plan", "promised", "account_link", "subscriber", "period_start", "period_end",
        "cancel_at_period_end", "ended_at", "created_at", "asked_at", "invoices_shown", "stripe_subscription_id",
        "stripe_session_id", "stripe_price_id", "id",
    ]  # fmt: skip
    readonly_fields = fields

    status_chip = chip_column("status", TONES)
    account_link = column(_("account"), "account", link_to)
    subscriber = column(_("subscribed by"), "created_by", link_to)
    plan = column(_("plan"), "terms.plan_name")

    def get_queryset(self, request: object) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.prefetch_related("all_terms")

    def find(self, queryset: QuerySet[Subscription], word: str) -> QuerySet[Subscription]:
        named = (
            Q(stripe_subscription_id=word)
            | Q(stripe_session_id=word)
            | Q(created_by__in=users_named(word))
            | Q(account__owner__in=users_named(word))
        )
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(account=identifier)
        return queryset.filter(named)

    @display(description=_("promised"))
    def promised(self, row: Subscription) -> str:
        terms = row.terms
        return _("%(credits)s credits a month for %(price)s") % {
            "credits": credits_amount(terms.credits),
            "price": terms.price,
        }

    @display(description=_("invoices"))
    def invoices_shown(self, row: Subscription) -> str:
        shown = (
            (invoice.issued_at.date(), invoice.amount, invoice.status, link_to(invoice.purchase))
            for invoice in row.invoices.select_related("purchase")
        )
        return format_html_join("", "<p>{} · {} · {} · {}</p>", shown) or EMPTY
