"""Keep staff from refunding their own purchases, and those for their own or their team's account."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings

from accounts.models import User
from billing.errors import OwnPurchase
from billing.purchases.models import Purchase
from credits.ledger.own_account import allow_self_service, is_own, own_among


def may_refund(purchase: Purchase, member: User) -> bool:
    return settings.STAFF_MAY_SERVE_THEMSELVES or not _is_own(purchase, member)


def refundable_by(member: User, purchases: Sequence[Purchase]) -> set[UUID]:
    """Return the ids of those purchases that `may_refund` allows, in one query."""
    if settings.STAFF_MAY_SERVE_THEMSELVES:
        return {purchase.pk for purchase in purchases}
    own = own_among({purchase.account_id for purchase in purchases}, member)
    return {each.pk for each in purchases if each.user_id != member.pk and each.account_id not in own}


def require_not_own(purchase: Purchase, member: User) -> None:
    """Check, in the transaction of the action, that the purchase isn't the member's own.

    Raises:
        OwnPurchase: the member bought it, owns its account or is in its team, and staff may not serve themselves.
    """
    if not _is_own(purchase, member):
        return
    if not settings.STAFF_MAY_SERVE_THEMSELVES:
        raise OwnPurchase(
            "This purchase is yours or your team's. Ask another member of staff.",
            purchase=str(purchase.pk),
        )
    allow_self_service()


def _is_own(purchase: Purchase, member: User) -> bool:
    return purchase.user_id == member.pk or is_own(purchase.account_id, member)
