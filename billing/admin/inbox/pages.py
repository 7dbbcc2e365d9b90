"""Show the webhook inbox with its figures, and let staff reprocess events."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from backoffice.actions import acted_on, back_to, dialog_action
from backoffice.columns import chip_column, column
from backoffice.display import link_to, pretty_json
from backoffice.filters import column_filter
from backoffice.long_lists import LongListAdmin
from billing.admin.inbox.figures import DAY, figures_of
from billing.admin.inbox.payloads import may_see_personal_data
from billing.inbox.models import InboxEvent
from billing.inbox.selectors import events_named, types_seen
from billing.stripe.masking import masked
from billing.webhooks.receiving import Reapplied, reapply_events

STATUS_TONES: dict[str, str] = {
    InboxEvent.Status.APPLIED: "success",
    InboxEvent.Status.RECEIVED: "warning",
    InboxEvent.Status.UNMATCHED: "warning",
    InboxEvent.Status.FAILED: "danger",
    InboxEvent.Status.UNREADABLE: "danger",
}


# Selects the period of the figures; removed from the query, so that the list doesn't take it for a filter.
WINDOW = "window"
# Events that one action reprocesses in one request: more than a page of the list.
MOST_AT_ONCE = 100
MOST_REASONS = 3


@admin.register(InboxEvent)
class InboxEventAdmin(LongListAdmin):
    is_audited = True
    asked_for = ("purchase", "api_version")
    list_display = ["received_at", "type", "status_chip", "purchase_link", "note_shown", "attempts"]
    list_filter = ["status", column_filter("type", _("type"), types_seen), "received_at"]
    search_fields = ["id"]
    search_help_text = _("Stripe event ID, purchase ID, or session ID.")
    list_select_related = ["purchase"]
    list_before_template = "admin/billing/inbox_figures.html"
    ordering = ["-received_at", "-id"]
    actions = ["reapply_selected"]
    actions_detail = ["reapply"]
    fieldsets = [
        (None, {"fields": ["type", "status_chip", "note", "attempts", "purchase_link"]}),
        (_("Dates"), {"fields": ["stripe_created", "received_at", "applied_at", "mirrored_at"]}),
        (_("Stripe"), {"fields": ["id", "account", "api_version", "livemode"]}),
    ]
    payloads = ["payload_shown", "payload_masked"]
    readonly_fields = [*(name for _title, options in fieldsets for name in options["fields"]), *payloads]

    status_chip = chip_column("status", STATUS_TONES)
    purchase_link = column(_("purchase"), "purchase", link_to)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the figures above the unfiltered list only."""
        asked = request.GET.copy()
        window = (asked.pop(WINDOW, None) or [DAY])[-1]
        request.GET = asked  # type: ignore[assignment]  # a copy, which Django intends to be changed
        return super().changelist_view(request, {**(extra_context or {}), WINDOW: window})

    def show_list(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        asked = extra_context or {}
        figures = {} if request.GET else {"inbox": figures_of(asked.get(WINDOW, DAY))}
        return super().show_list(request, {**asked, **figures})

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEvent]:
        events: QuerySet[InboxEvent] = super().get_queryset(request)
        return events.defer("payload")

    def find(self, queryset: QuerySet[InboxEvent], word: str) -> QuerySet[InboxEvent]:
        return events_named(queryset, word)

    def get_fieldsets(self, request: HttpRequest, obj: InboxEvent | None = None) -> Any:
        payload = "payload_shown" if may_see_personal_data(request) else "payload_masked"
        return [*self.fieldsets, (_("Payload"), {"fields": [payload]})]

    @display(description=_("note"), ordering="note")
    def note_shown(self, event: InboxEvent) -> str:
        return truncatechars(event.note, 60)

    @display(description=_("payload"))
    def payload_shown(self, event: InboxEvent) -> str:
        return pretty_json(event.payload)

    @display(description=_("payload (personal data hidden)"))
    def payload_masked(self, event: InboxEvent) -> str:
        return pretty_json(masked(event.payload))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Look the event up by the key as the admin quotes it, or unquoted, as unfold's breadcrumbs link it."""
        found = super().get_object(request, object_id, from_field)
        if found is None and request.resolver_match:
            found = super().get_object(request, request.resolver_match.kwargs["object_id"])
        return found

    def has_reapply_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("inbox.reapply_event")

    @dialog_action(
        _("Reprocess"),
        permission="reapply",
        title=_("Reprocess this event?"),
        explained=_("Safe to repeat: an event that was already processed changes nothing."),
    )
    def reapply(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        event: InboxEvent = acted_on(self, request, object_id)
        (came,) = reapply_events([event.pk])
        self._log(request, event, came)
        if came.status is None:
            self.message_user(request, _reason(came), messages.ERROR)
        else:
            self.message_user(request, _("Done. Status: %s.") % came.status.label, messages.SUCCESS)
        return back_to(request, event)

    @action(description=_("Reprocess failed events"), permissions=["reapply"])
    def reapply_selected(self, request: HttpRequest, queryset: QuerySet[InboxEvent]) -> None:
        """Reprocess the failed events in the order received."""
        failed = queryset.filter(status__in=InboxEvent.FAILING).order_by("received_at", "id")[:MOST_AT_ONCE]
        events = {event.pk: event for event in failed}
        outcomes = []
        for came in reapply_events(events):
            self._log(request, events[came.event_id], came)
            outcomes.append(came)
        self._report(request, outcomes)

    def _report(self, request: HttpRequest, outcomes: list[Reapplied]) -> None:
        failing = [came for came in outcomes if came.error]
        done = len(outcomes) - len(failing)
        if not outcomes:
            self.message_user(request, _("None of these events has failed."), messages.WARNING)
        if done:
            went_well = ngettext("%(count)s event processed.", "%(count)s events processed.", done)
            self.message_user(request, went_well % {"count": done}, messages.SUCCESS)
        if failing:
            still = ngettext(
                "%(count)s event still fails: %(why)s", "%(count)s events still fail: %(why)s", len(failing)
            )
            reasons = list(dict.fromkeys(map(_reason, failing)))
            why = "; ".join([*reasons[:MOST_REASONS], *["…"] * (len(reasons) > MOST_REASONS)])
            self.message_user(request, still % {"count": len(failing), "why": why}, messages.ERROR)

    def _log(self, request: HttpRequest, event: InboxEvent, came: Reapplied) -> None:
        done = f"Reprocessed: {came.status.value}" if came.status else ""
        self.log_change(request, event, done or f"Reprocessing failed: {type(came.error).__name__}")


def _reason(came: Reapplied) -> str:
    return f"{type(came.error).__name__}: {came.error}"
