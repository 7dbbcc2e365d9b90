"""Show background jobs, read-only. procrastinate's page has retry and cancel buttons that need no permission."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from unfold.decorators import display

from backoffice.display import EMPTY, chip, in_words, link_to
from backoffice.read_only import ReadOnlyAdmin, ReadOnlyInline
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase

STATUS_TONES = {"succeeded": "success", "todo": "info", "doing": "warning", "failed": "danger"}


class JobEventInline(ReadOnlyInline):
    model = ProcrastinateEvent
    fields = ["at", "what"]
    readonly_fields = fields
    ordering = ["at", "id"]
    verbose_name_plural = _("timeline")

    @display(description=_("event"))
    def what(self, event: Any) -> str:
        return in_words(event.type)


class JobAdmin(ReadOnlyAdmin):
    list_display = ["id", "task_name", "status_chip", "attempts", "scheduled_at", "about"]
    list_filter = ["status", "task_name"]
    search_fields = ["=id", "task_name"]
    search_help_text = _("Job ID or task.")
    ordering = ["-id"]
    inlines = [JobEventInline]
    fields = [
        "id",
        "task_name",
        "status_chip",
        "attempts",
        "scheduled_at",
        "queue_name",
        "lock",
        "args",
        "about",
    ]
    readonly_fields = fields

    @display(description=_("status"), ordering="status")
    def status_chip(self, job: Any) -> str:
        return chip(in_words(job.status), STATUS_TONES.get(job.status))

    @display(description=_("subject"))
    def about(self, job: Any) -> str:
        if "purchase_id" in job.args:
            return link_to(Purchase(pk=UUID(job.args["purchase_id"])), _("Purchase"))
        if "event_id" in job.args:
            return link_to(InboxEvent(pk=job.args["event_id"]), _("Webhook event"))
        return EMPTY


admin.site.unregister(ProcrastinateJob)
admin.site.register(ProcrastinateJob, JobAdmin)
apps.get_app_config("procrastinate").verbose_name = _("Background jobs")
