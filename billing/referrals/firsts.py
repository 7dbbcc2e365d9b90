"""Find the first real payment of a referred user: an accepted one, for themselves or a team."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from accounts.models import User
from billing.purchases.models import Payment


def has_paid() -> Exists:
    """Return the condition on a referral that its referred user has paid."""
    return Exists(Payment.objects.filter(lot__isnull=False, purchase__user=OuterRef("referred")))


def first_payment(user: User) -> Payment | None:
    """Return the user's first accepted payment. Free purchases have none."""
    accepted = Payment.objects.filter(lot__isnull=False, purchase__user=user)
    return accepted.order_by("paid_at", "id").select_related("purchase").first()
