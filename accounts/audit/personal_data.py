"""Export what a user did in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from django.contrib.admin.models import LogEntry

from accounts.audit.models import AuditEntry
from accounts.models import User
from accounts.privacy.registry import File, PersonalData
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches

ACTS = ["time", "kind", "object", "what"]


def acts(user: User) -> Iterator[str]:
    """Export the user's acts from the admin's history and the audit."""
    history = LogEntry.objects.filter(user=user).prefetch_related("content_type")
    audited = AuditEntry.objects.filter(actor_id=user.pk)
    batches = chain(
        (map(_act, batch) for batch in in_row_batches(history, ["id"])),
        (map(_audited, batch) for batch in in_row_batches(audited, ["at", "id"])),
    )
    return csv_lines(ACTS, batches)


def _audited(row: AuditEntry) -> list[str]:
    return [utc_text(row.at), row.kind, row.object_id, row.act]


def _act(row: LogEntry) -> list[str]:
    kind = f"{row.content_type.app_label}.{row.content_type.model}" if row.content_type else ""
    return [utc_text(row.action_time), kind, harmless(row.object_repr), harmless(row.get_change_message())]


class AuditData(PersonalData):
    """The audit's personal data. Nothing is erased: the audit names users only by id."""

    files = (
        File(
            "acts.csv",
            "what you did in the back office",
            ("admin.LogEntry", "audit.AuditEntry"),
            acts,
        ),
    )
