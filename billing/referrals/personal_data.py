"""Export and erase what the site holds about referrers and the users they referred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Case, Q, QuerySet, Value, When

from accounts.models import User
from accounts.privacy.names import PREFIX, names_of, without_names
from accounts.privacy.registry import PersonalData, csv_file
from billing.referrals.models import Device, Referral, Referrer, Reward
from credits.privacy.credits_data import accounts_of

State, Reason = Referral.State, Referral.Reason


def _referrers(user: User) -> QuerySet[Referrer]:
    return Referrer.objects.filter(user=user)


def _referrals(user: User) -> QuerySet[Referral]:
    mine = Referral.objects.filter(Q(referrer__user=user) | Q(referred=user))
    return mine.annotate(
        direction=Case(When(referred=user, then=Value("referred_by")), default=Value("referred"))
    )


def _rewards(user: User) -> QuerySet[Reward]:
    return Reward.objects.filter(account__in=accounts_of(user))


def _devices(user: User) -> QuerySet[Device]:
    return Device.objects.filter(user=user)


class ReferralsData(PersonalData):
    lock_rank = 2
    files = (
        csv_file(
            "referral-code.csv",
            "your code to refer others with",
            ("referrals.Referrer",),
            {"code": "code", "since": "created_at", "stopped": "stopped_at"},
            _referrers,
        ),
        csv_file(
            "referrals.csv",
            "whom you referred, without their names, and whether you were referred",
            ("referrals.Referral",),
            {
                "referral": "id",
                "direction": "direction",
                "signed_up": "created_at",
                "state": "state",
                "reason": "reason",
                "reward_due": "due_at",
                "rewarded": "rewarded_at",
            },
            _referrals,
        ),
        csv_file(
            "referral-rewards.csv",
            "the credits you got for referrals",
            ("referrals.Reward",),
            {"referral": "referral_id", "credits": "amount", "granted": "created_at"},
            _rewards,
        ),
        csv_file(
            "referral-devices.csv",
            "the browsers you were seen with, each by the hash of a random cookie",
            ("referrals.Device",),
            {"first_seen": "seen_at", "cookie_hash": "cookie_hash"},
            _devices,
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (_referrers(user), Referral.objects.filter(referred=user))

    def lock(self, user: User) -> None:
        """Lock in the order of `billing.referrals.rewarding`: referrers, then referrals."""
        referrers = Referrer.objects.filter(Q(user=user) | Q(referrals__referred=user)).values("pk")
        list(Referrer.objects.filter(pk__in=referrers).order_by("pk").select_for_update(no_key=True))
        list(_referrals(user).order_by("pk").select_for_update(no_key=True, of=("self",)))

    def erase(self, user: User) -> None:
        """Delete the devices; refuse what isn't decided. What staff noted loses the user's names."""
        _devices(user).delete()
        undecided = Referral.objects.filter(Q(referrer__user=user) | Q(referred=user))
        undecided.filter(state__in=[State.SIGNED_UP, State.PENDING]).update(
            state=State.REFUSED, reason=Reason.ERASED
        )
        names = names_of(user)
        for rows in (_referrers(user), undecided):
            for row in rows.exclude(note=""):
                row.note = without_names(row.note, names, f"{PREFIX}{user.pk}")[:300]
                row.save(update_fields=["note"])
