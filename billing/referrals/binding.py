"""Bind a new user to the referrer whose link brought them: at a sign-in, and once ever."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.models import User
from accounts.teams.models import Membership
from billing.purchases.models import Purchase
from billing.referrals.models import Referral, Referrer
from billing.referrals.referrers import referral_reward
from billing.referrals.visits import Visit, device_of, note_device, visit_of


def bind_at_sign_in(request: HttpRequest | None, user: User, **signal: Any) -> None:
    """Note the browser, and bind the user if they are new. Connected to Django's signal."""
    if request is None or not referral_reward():
        return
    note_device(user, device_of(request))
    visit = visit_of(request)
    if visit is not None:
        bind(user, visit)


def bind(user: User, visit: Visit) -> bool:
    """Bind a user to the referrer whose link they followed; return whether they were.

    Nobody is who had an account before the visit, has bought, has a referrer already, or is in a team with them.
    """
    referrer = Referrer.objects.filter(code=visit.code, stopped_at=None, user__erased_at=None).first()
    if referrer is None or referrer.user_id == user.pk or user.date_joined < visit.at:
        return False
    if Purchase.objects.filter(user=user, completed_at__isnull=False).exists():
        return False
    if share_a_team(referrer.user_id, user.pk):
        return False
    _referral, is_new = Referral.objects.get_or_create(referred=user, defaults={"referrer": referrer})
    return is_new


def share_a_team(*users: Any) -> bool:
    """Return whether two users are members of one team."""
    one, other = users
    teams = Membership.objects.filter(user=one).values("team")
    return Membership.objects.filter(user=other, team__in=teams).exists()
