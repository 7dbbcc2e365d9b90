"""Holds that staff release, for a service that died: with a reason, on record, and not on credits of their own."""

from __future__ import annotations

from django.db import transaction

from accounts.audit.recording import record_act
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Hold
from credits.ledger.own_account import require_not_own
from credits.ledger.results import Release


def release_hold(hold: Hold, by: User, reason: str) -> Release:
    """`ledger.release`, with its entry in the audit: no trigger watches holds, which every service writes.

    Raises:
        OwnAccount: the credits are those of ``by``, or of a team of theirs: a service could not charge them any more.
        HoldClosed: as `ledger.release`.
    """
    with transaction.atomic():
        require_not_own(hold.account_id, by)
        released = ledger.release(hold.account_id, hold.pk)
        if not released.repeated:
            before = {"status": Hold.Status.OPEN, "remaining": str(released.released)}
            after = {"status": Hold.Status.RELEASED, "remaining": "0"}
            detail = {"account_id": str(hold.account_id), "reason": reason}
            record_act("released", hold, detail, before=before, after=after)
    return released
