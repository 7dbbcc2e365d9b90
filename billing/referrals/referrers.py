"""Give each user a code to share, and say what came of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import Q

from accounts.models import User
from billing.errors import ReferralsOff
from billing.referrals.firsts import has_paid
from billing.referrals.models import Referral, Referrer
from credits.mailing import link_to

# Without letters and digits that look alike.
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 10
State = Referral.State


@dataclass(frozen=True)
class ReferralStanding:
    """What a user sees of their referrals. ``pending`` are those whose reward isn't decided yet."""

    code: str
    link: str
    is_stopped: bool
    rewarded: int
    pending: int

    @property
    def reward(self) -> Decimal:
        return referral_reward()

    @property
    def wait_days(self) -> int:
        days: int = settings.REFERRAL_WAIT_DAYS
        return days


def referral_reward() -> Decimal:
    """Return what each side gets; 0: there are no referrals."""
    reward: Decimal = settings.REFERRAL_REWARD
    return reward


def referrer_of(user: User) -> Referrer:
    """Return the user as a referrer, with a code from then on. Concurrent calls return the same."""
    code = "".join(secrets.choice(ALPHABET) for _each in range(LENGTH))
    referrer, _created = Referrer.objects.get_or_create(user=user, defaults={"code": code})
    return referrer


def referral_standing(user: User) -> ReferralStanding:
    """Return the user's link, and how many rewards they got and can expect.

    Raises:
        ReferralsOff: no reward is set.
    """
    if not referral_reward():
        raise ReferralsOff("There are no rewards for referrals.")
    referrer = referrer_of(user)
    referrals = referrer.referrals
    paid = Q(state=State.PENDING) | Q(has_paid(), state=State.SIGNED_UP)
    return ReferralStanding(
        code=referrer.code,
        link=link_to("referral", referrer.code),
        is_stopped=referrer.stopped_at is not None,
        rewarded=referrals.filter(state=State.REWARDED).count(),
        pending=referrals.filter(paid).count(),
    )
