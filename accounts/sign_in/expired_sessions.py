"""Delete expired sessions, which Django leaves in the database."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.utils import timezone

ROWS_AT_ONCE = 2000


def delete_expired_sessions() -> int:
    """Delete expired sessions and their provider sessions, some thousands per transaction; return how many."""
    deleted = 0
    expired = Session.objects.filter(expire_date__lt=timezone.now()).order_by("expire_date")
    while keys := list(expired.values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        Session.objects.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
