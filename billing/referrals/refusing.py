"""Say why a referral gets no reward: the two may be one person, or the payment didn't last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

from django.conf import settings

from accounts.models import User
from accounts.normal_form import normal_form
from billing.customers.models import Customer, SavedMethod
from billing.purchases.models import Payment, Purchase
from billing.referrals.binding import share_a_team
from billing.referrals.models import Device, Referral

State = Referral.State
Reason: TypeAlias = Referral.Reason
REVERSED = {
    Purchase.Status.DISPUTED: Reason.DISPUTED,
    Purchase.Status.REFUNDED: Reason.REFUNDED,
    Purchase.Status.PARTIALLY_REFUNDED: Reason.REFUNDED,
}


def why_refused(referral: Referral) -> Reason | None:
    """Return why a referral that is due is refused; None if it is to be rewarded. Its referrer's row is locked."""
    referrer, purchase = referral.referrer.user, referral.purchase
    assert purchase is not None  # noqa: S101 - referral_rewards_a_purchase
    if referrer.erased_at or referral.referred.erased_at:
        return Reason.ERASED
    if referral.referrer.stopped_at is not None:
        return Reason.REFERRER_STOPPED
    if purchase.status in REVERSED:
        return REVERSED[Purchase.Status(purchase.status)]
    if reason := _same_person(referral, referrer):
        return reason
    if _rewards_of(referral) >= settings.REFERRAL_CAP:
        return Reason.CAP
    return None


def _same_person(referral: Referral, referrer: User) -> Reason | None:
    """Return what the referred user shares with the referrer, or with another whom they referred."""
    cards = _cards_of(referral.referred)
    if cards & _cards_of(referrer):
        return Reason.SAME_CARD
    others = Referral.objects.filter(referrer=referral.referrer).exclude(pk=referral.pk)
    if cards & _paying_cards(others.values_list("referred", flat=True)):
        return Reason.CARD_OF_ANOTHER
    if _emails_of(referral.referred) & _emails_of(referrer):
        return Reason.SAME_EMAIL
    devices = Device.objects.filter(user=referrer).values("cookie_hash")
    if Device.objects.filter(user=referral.referred, cookie_hash__in=devices).exists():
        return Reason.SAME_DEVICE
    if share_a_team(referrer.pk, referral.referred_id):
        return Reason.SAME_TEAM
    return None


def _cards_of(user: User) -> set[str]:
    """Return the fingerprints of the cards that a user paid with or saved, removed ones too."""
    saved = SavedMethod.objects.filter(customer__account__owner=user).exclude(fingerprint="")
    return _paying_cards([user.pk]) | set(saved.values_list("fingerprint", flat=True))


def _paying_cards(users: Iterable[UUID]) -> set[str]:
    paid = Payment.objects.filter(purchase__user__in=users, state=Payment.State.PAID).exclude(fingerprint="")
    return set(paid.values_list("fingerprint", flat=True))


def _emails_of(user: User) -> set[str]:
    """Return a user's address, and the one that Stripe has of them."""
    sent = Customer.objects.filter(account__owner=user).values_list("email", flat=True)
    return {normal_form(email) for email in (user.email, *sent) if email}


def _rewards_of(referral: Referral) -> int:
    """Count the referrer's rewards, clawed back ones too: a dispute that is won restores them."""
    granted = Referral.objects.filter(
        referrer=referral.referrer, state__in=[State.REWARDED, State.CLAWED_BACK]
    )
    return granted.count()
