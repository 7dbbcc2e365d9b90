"""Let staff stop a referrer or a referral, with a reason, and let a referrer go on."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing.referrals.models import Referral
from billing.referrals.rewarding import CHANGES, claw_back, lock_referral, lock_referrer

State, Reason = Referral.State, Referral.Reason
UNDECIDED = (State.SIGNED_UP, State.PENDING)


def stop_referrer(referrer_id: int, note: str) -> bool:
    """Have a referrer's link bind nobody, and refuse what isn't decided yet; return whether they weren't stopped.

    What was granted stays; `stop_referral` claws it back.
    """
    with transaction.atomic():
        referrer = lock_referrer(referrer_id)
        if referrer.stopped_at is not None:
            return False
        referrer.stopped_at, referrer.note = timezone.now(), note
        referrer.save(update_fields=["stopped_at", "note"])
        undecided = referrer.referrals.filter(state__in=UNDECIDED)
        undecided.update(state=State.REFUSED, reason=Reason.REFERRER_STOPPED)
    return True


def resume_referrer(referrer_id: int, note: str) -> bool:
    """Let a referrer refer others again; return whether they were stopped. What was refused stays refused."""
    with transaction.atomic():
        referrer = lock_referrer(referrer_id)
        if referrer.stopped_at is None:
            return False
        referrer.stopped_at, referrer.note = None, note
        referrer.save(update_fields=["stopped_at", "note"])
    return True


def stop_referral(referral_id: UUID, note: str) -> bool:
    """Refuse a referral, or claw back its rewards, for good; return whether there was something to stop."""
    with transaction.atomic():
        referral = lock_referral(referral_id)
        if referral.reason == Reason.STAFF:
            return False
        referral.note = note
        if referral.state == State.REWARDED:
            claw_back(referral, Reason.STAFF)
        else:
            referral.reason = Reason.STAFF
            if referral.state != State.CLAWED_BACK:
                referral.state = State.REFUSED
            referral.save(update_fields=CHANGES)
    return True
