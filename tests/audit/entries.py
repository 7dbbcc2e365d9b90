"""What stands in the audit."""

from __future__ import annotations

from uuid import UUID

from accounts.audit.models import AuditEntry
from accounts.models import User

ADDRESS = "203.0.113.7"


def latest(kind: str) -> AuditEntry:
    return AuditEntry.objects.filter(kind=kind).latest("id")


def assert_whence(entry: AuditEntry, who: User, page: str) -> None:
    """That the entry says who it was, from where, on which page, and in which request."""
    assert (entry.actor_id, entry.address, entry.page) == (who.pk, ADDRESS, page)
    assert UUID(entry.request_id)
