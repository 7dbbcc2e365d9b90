"""Show the timeline of purchases, on each purchase's page and in a list."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.models import User
from backoffice.columns import column
from backoffice.display import EMPTY, in_words, link_to, pairs, shortened
from backoffice.filters import column_filter
from backoffice.long_lists import LongListAdmin
from backoffice.read_only import ReadOnlyInline
from billing.inbox.models import InboxEvent
from billing.purchases.models import PurchaseEvent
from billing.purchases.selectors import kinds_of_purchase_events
from core.uuids import as_uuid
from credits.formatting import credits_amount

AMOUNTS = ("balance_after", "credits", "pending", "owed", "waived")


class EventColumns:
    """Columns of an event, on a purchase's page and in the list."""

    what_shown = column(_("event"), "what", in_words, ordering="what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseEvent]:
        events: QuerySet[PurchaseEvent] = super().get_queryset(request)  # type: ignore[misc]  # an admin's
        actor = User.objects.filter(pk=OuterRef("actor_id")).values("username")[:1]
        return events.select_related("purchase").annotate(actor_name=Subquery(actor))

    @display(description=_("status"))
    def change(self, event: PurchaseEvent) -> str:
        if event.from_status == event.to_status:
            return in_words(event.to_status)
        return f"{in_words(event.from_status)} → {in_words(event.to_status)}"

    @display(description=_("source"), ordering="source")
    def source_of(self, event: PurchaseEvent) -> str:
        who = getattr(event, "actor_name", None) or event.actor_id
        return f"{event.get_source_display()}: {who}" if who else event.get_source_display()

    @display(description=_("detail"))
    def detail_shown(self, event: PurchaseEvent) -> str:
        amounts = {
            name: credits_amount(Decimal(event.detail[name])) for name in AMOUNTS if name in event.detail
        }
        return pairs({**event.detail, **amounts})

    @display(description=_("webhook event"))
    def webhook_event(self, event: PurchaseEvent) -> str:
        if not event.stripe_event_id:
            return EMPTY
        return link_to(InboxEvent(pk=event.stripe_event_id), shortened(event.stripe_event_id, 16))


class PurchaseEventInline(EventColumns, ReadOnlyInline):
    model = PurchaseEvent
    fields = ["created_at", "what_shown", "change", "source_of", "detail_shown", "webhook_event"]
    readonly_fields = fields
    ordering = ["id"]
    verbose_name_plural = _("timeline")


@admin.register(PurchaseEvent)
class PurchaseEventAdmin(EventColumns, LongListAdmin):
    list_display = ["created_at", "purchase_link", "what_shown", "change", "source_of"]
    list_filter = ["source", column_filter("what", _("event"), kinds_of_purchase_events, in_words)]
    search_fields = ["id"]
    search_help_text = _("Purchase ID or Stripe event ID.")
    ordering = ["-id"]
    fields = [
        "purchase_link",
        "what_shown",
        "change",
        "source_of",
        "detail_shown",
        "webhook_event",
        "created_at",
    ]
    readonly_fields = fields

    purchase_link = column(_("purchase"), "purchase", link_to)

    def find(self, queryset: QuerySet[PurchaseEvent], word: str) -> QuerySet[PurchaseEvent]:
        purchase = as_uuid(word)
        return queryset.filter(Q(purchase=purchase) if purchase else Q(stripe_event_id=word))
