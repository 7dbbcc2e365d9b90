"""Record acts that no trigger sees, such as a download."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from accounts.audit.models import AuditEntry


def record_act(
    act: str,
    about: Model | type[Model],
    detail: dict[str, Any] | None = None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEntry:
    """Record an act with the user, request, address and page that the database knows from the context.

    Call it before the act or in the same transaction; for a file, before sending the first byte. Under ``/admin/`` the
    database knows the user. Elsewhere, set the context::

        with acting(request.user):
            record_act("downloaded", Entry, {"account": str(account.pk), "from": "2026-11-01"})

    Args:
        act: one past-tense word of at most 40 letters: ``downloaded``, ``exported``, ``erased``, ``released``.
        about: the row, or the model whose rows are concerned.
        detail: filters, a reason, amounts as text. Name users only by id: entries outlive them and can't be changed.
        before, after: the changed columns, if no trigger audits the table.
    """
    return AuditEntry.objects.create(
        act=act,
        kind=about._meta.label_lower,
        object_id=str(about.pk) if isinstance(about, Model) else "",
        beside=detail or {},
        before=before,
        after=after,
    )
