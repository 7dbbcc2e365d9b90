"""Let staff suspend automatic top-ups, one or all, and resume them."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.auto_top_up.attempts import stop
from billing.auto_top_up.models import AutoTopUp, Pause
from billing.auto_top_up.watching import go_on

State, Reason = AutoTopUp.State, AutoTopUp.Reason


def suspend(auto_top_up_id: int) -> bool:
    """Suspend an automatic top-up until staff resume it; return whether it was on. Its owner is told by mail."""
    with transaction.atomic():
        row = AutoTopUp.objects.select_for_update().get(pk=auto_top_up_id)
        if row.state == State.OFF or row.reason == Reason.STAFF:
            return False
        stop(row, State.SUSPENDED, Reason.STAFF)
    return True


def resume(auto_top_up_id: int) -> bool:
    """Resume what is suspended, whoever suspended it; return whether it was."""
    with transaction.atomic():
        row = AutoTopUp.objects.select_for_update().get(pk=auto_top_up_id)
        if row.state in (State.OFF, State.ON):
            return False
        go_on(row)
    return True


def pause_all(actor_id: UUID | None = None) -> None:
    """Have no automatic top-up begin anything, until `resume_all`. Without an actor: by a command."""
    Pause.objects.get_or_create(id=1, defaults={"actor_id": actor_id})


def resume_all() -> None:
    Pause.objects.all().delete()
