"""The webhook inbox, to read; and a button to apply an event again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import truncatechars
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from billing.inbox import reapply_event
from billing.models import InboxEvent
from config.admin_actions import acted_on, after_dialog
from config.admin_display import chip, link_to, pretty_json
from config.read_only_admin import ReadOnlyAdmin

STATUS_TONES: dict[str, str] = {
    InboxEvent.Status.APPLIED: "success",
    InboxEvent.Status.RECEIVED: "warning",
    InboxEvent.Status.UNMATCHED: "warning",
    InboxEvent.Status.FAILED: "danger",
}


@admin.register(InboxEvent)
class InboxEventAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "type", "status_chip", "purchase_link", "note_shown", "attempts"]
    list_filter = ["status", "type", "received_at"]
    search_fields = ["id__exact", "purchase__id__exact", "purchase__stripe_session_id__exact"]
    search_help_text = _("Stripe's event id, a purchase id, or a session id.")
    list_select_related = ["purchase"]
    actions_detail = ["reapply"]
    fieldsets = [
        (None, {"fields": ["type", "status_chip", "note", "attempts", "purchase_link"]}),
        (_("When"), {"fields": ["stripe_created", "received_at", "applied_at", "mirrored_at"]}),
        (_("At Stripe"), {"fields": ["id", "api_version", "livemode", "payload_shown"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    @display(description=_("status"), ordering="status")
    def status_chip(self, event: InboxEvent) -> str:
        return chip(event.get_status_display(), STATUS_TONES.get(event.status))

    @display(description=_("purchase"))
    def purchase_link(self, event: InboxEvent) -> str:
        return link_to(event.purchase)

    @display(description=_("note"), ordering="note")
    def note_shown(self, event: InboxEvent) -> str:
        return truncatechars(event.note, 60)

    @display(description=_("payload"))
    def payload_shown(self, event: InboxEvent) -> str:
        return pretty_json(event.payload)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """By the key as the admin escapes it or, as unfold's breadcrumbs link it, by the plain one."""
        found = super().get_object(request, object_id, from_field)
        if found is None and request.resolver_match:
            found = super().get_object(request, request.resolver_match.kwargs["object_id"])
        return found

    def has_reapply_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("billing.reapply_event")

    @action(
        description=_("Apply again"),
        url_path="reapply",
        permissions=["reapply"],
        dialog={
            "title": _("Apply this event again?"),
            "description": _("Every effect happens once: an event that was applied already changes nothing."),
            "form_class": None,
            "form_submit_text": _("Apply"),
        },
    )
    def reapply(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        event: InboxEvent = acted_on(self, request, object_id)
        try:
            status = reapply_event(event.pk)
        except Exception as error:  # noqa: BLE001 - any reason: the inbox has noted it, and the page must say it
            self.log_change(request, event, f"Tried to apply it again: {type(error).__name__}")
            self.message_user(request, f"{type(error).__name__}: {error}", messages.ERROR)
        else:
            self.log_change(request, event, f"Applied it again: {status.value}")
            self.message_user(request, _("Done: %s.") % status.label, messages.SUCCESS)
        return after_dialog(request, reverse("admin:billing_inboxevent_change", args=[quote(event.pk)]))
