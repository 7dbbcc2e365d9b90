"""Acts that change no row, or none that a trigger watches: written here, by whoever does them."""

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
    """Puts an act on record, with the person, request, address and page that the database was told of.

    Call it before the act, or in one transaction with it; before the first byte of a file is sent. Under ``/admin/``
    the database knows who it is. Anywhere else say so around it::

        with acting(request.user):
            record_act("downloaded", Entry, {"account": str(account.pk), "from": "2026-11-01"})

    Args:
        act: one word of at most 40 letters, in the past: ``downloaded``, ``exported``, ``erased``, ``released``.
        about: the row, or the model whose rows it is about.
        detail: what was asked for: filters, a reason, amounts as text. Names people by their ids, never by name or
            e-mail: entries outlive them and can't be changed.
        before, after: the columns that it changed, where no trigger watches the table.
    """
    return AuditEntry.objects.create(
        act=act,
        kind=about._meta.label_lower,
        object_id=str(about.pk) if isinstance(about, Model) else "",
        beside=detail or {},
        before=before,
        after=after,
    )
