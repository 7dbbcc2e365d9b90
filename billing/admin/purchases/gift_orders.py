"""Show packages bought as a gift: for whom, and how far each has come."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.search import users_named
from backoffice.columns import column
from backoffice.display import chip, link_to
from backoffice.long_lists import LongListAdmin
from billing.gift_codes.models import GiftOrder
from core.uuids import as_uuid

TONES: dict[str, str] = {
    GiftOrder.State.REDEEMED: "success",
    GiftOrder.State.FAILED: "danger",
    GiftOrder.State.FROZEN: "warning",
}


@admin.register(GiftOrder)
class GiftOrderAdmin(LongListAdmin):
    ordering = ["-created_at", "-id"]
    list_display = ["created_at", "purchase_link", "buyer", "shown_state", "send_at", "sent_at"]
    list_filter = [("failed_at", admin.EmptyFieldListFilter)]
    search_fields = ["id"]
    search_help_text = _("Purchase ID, or the buyer’s name, email or ID.")
    list_select_related = ["purchase__user", "purchase__account", "code"]
    fields = [
        "purchase_link",
        "buyer",
        "shown_state",
        "recipient_email",
        "recipient_name",
        "message",
        "send_at",
        "sent_at",
        "shown_at",
        "failed_at",
        "code",
        "created_at",
    ]
    readonly_fields = fields

    purchase_link = column(_("purchase"), "purchase", link_to)
    buyer = column(_("buyer"), "purchase.user", link_to)

    def find(self, queryset: QuerySet[GiftOrder], word: str) -> QuerySet[GiftOrder]:
        named = Q(purchase__user__in=users_named(word))
        if identifier := as_uuid(word):
            named |= Q(pk=identifier) | Q(purchase=identifier) | Q(purchase__user=identifier)
        return queryset.filter(named)

    @display(description=_("state"))
    def shown_state(self, gift: GiftOrder) -> str:
        return chip(gift.state.label, TONES.get(gift.state, "info"))
