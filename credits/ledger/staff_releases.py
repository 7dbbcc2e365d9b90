"""Let staff release a hold of a service that died: with a reason, audited, and not on their own credits."""

from __future__ import annotations

from django.db import transaction

from accounts.audit.recording import record_act
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Hold
from credits.ledger.own_account import require_not_own
from credits.ledger.results import Release


def release_hold(hold: Hold, by: User, reason: str) -> Release:
    """Release a hold and audit it: no trigger watches holds, which every service writes.

    Raises:
        OwnAccount: the account belongs to ``by`` or to a team of theirs: a service could no longer charge it.
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
