"""Email both sides of a referral that they were rewarded."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing.referrals.models import Reward
from core.database.locks import take_turns
from credits.ledger.holders import recipients_of
from credits.mailing import send_mail


def send_referral_mail(reward_id: UUID) -> bool:
    """Email the user of a reward once; return whether this call did. A reward that was clawed back meanwhile isn't
    announced.
    """
    with transaction.atomic():
        take_turns(f"referral:{reward_id}")
        rows = Reward.objects.select_related("referral__referrer", "account", "lot")
        reward = rows.get(pk=reward_id)
        if reward.mailed_at is not None or reward.referral.state != reward.referral.State.REWARDED:
            return False
        context = {
            "amount": reward.amount,
            "is_referrer": reward.account.owner_id == reward.referral.referrer.user_id,
            "expires_at": reward.lot.expires_at,
        }
        for recipient in recipients_of(reward.account):  # a user's own account: at most one
            send_mail("referral_rewarded", context, recipient)
        reward.mailed_at = timezone.now()
        reward.save(update_fields=["mailed_at"])
    return True
