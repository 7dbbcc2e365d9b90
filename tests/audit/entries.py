"""What stands in the audit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Model

from accounts.audit.models import AuditEntry
from accounts.models import User

ADDRESS = "203.0.113.7"


def latest(kind: str) -> AuditEntry:
    return AuditEntry.objects.filter(kind=kind).latest("id")


def entries_about(row: Model) -> list[AuditEntry]:
    """The oldest first."""
    about = AuditEntry.objects.filter(kind=row._meta.label_lower, object_id=str(row.pk))
    return list(about.order_by("id"))


def changes(entry: AuditEntry) -> dict[str, tuple[Any, Any]]:
    """Each column before and after."""
    before, after = entry.before or {}, entry.after or {}
    return {name: (before.get(name), after.get(name)) for name in {**before, **after}}


def assert_origin(entry: AuditEntry, who: User, page: str) -> None:
    """That the entry says who it was, from where, on which page, and in which request."""
    assert (entry.actor_id, entry.address, entry.page) == (who.pk, ADDRESS, page)
    assert UUID(entry.request_id)
