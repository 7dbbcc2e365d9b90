"""Reads of billing."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.search import users_named
from accounts.teams.models import Membership, Team
from accounts.teams.permissions import MANAGERS
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from core.database.distinct import distinct_values
from core.uuids import as_uuid
from credits.statement.traces import accounts_named

OPEN = (Purchase.Status.PENDING, Purchase.Status.PROCESSING)
# Of one list of recent purchases. A checkout is open for a day at most, so nobody has as many by buying.
MOST_OPEN = 20


def purchases_of(user: User, status: str = "", team: Team | None = None) -> QuerySet[Purchase]:
    """What the user bought, for themselves or for a team; with ``team``, which they are in, what anybody bought for it.
    With payments, buyer and team, newest first; of one status, or of any.
    """
    bought = Purchase.objects.filter(account__team=team) if team else Purchase.objects.filter(user=user)
    return _with_status(bought.select_related("user", "account__team").prefetch_related("payments"), status)


def recent_purchases(purchases: QuerySet[Purchase], most: int) -> list[Purchase]:
    """The latest of them, newest first: all that are open, and ``most`` of the others. No number of abandoned checkouts
    pushes a payment under way out; those that expired unpaid are left to the history.
    """
    # Processing comes before pending in the alphabet too: a payment before a checkout that nobody may have paid.
    unsettled = purchases.filter(status__in=OPEN).order_by("-status", "-created_at", "-id")[:MOST_OPEN]
    settled = purchases.exclude(status__in=[*OPEN, Purchase.Status.EXPIRED])[:most]
    return sorted([*unsettled, *settled], key=lambda each: (each.created_at, each.pk), reverse=True)


def sees_documents_of(user: User, team: Team | None) -> bool:
    """Whether the user sees the receipts of what others bought for the team."""
    return team is not None and _teams_managed_by(user).filter(team=team).exists()


def documented_purchases(user: User) -> QuerySet[Purchase]:
    """Those whose receipts the user may see: what they bought, and what anybody bought for a team that they manage."""
    seen = Q(user=user) | Q(account__team__in=_teams_managed_by(user).values("team"))
    return Purchase.objects.filter(seen)


def all_purchases(status: str = "") -> QuerySet[Purchase]:
    """Everybody's purchases with their buyers and payments, newest first, for staff."""
    return _with_status(
        Purchase.objects.select_related("user", "account").prefetch_related("payments"), status
    )


def purchases_named(purchases: QuerySet[Purchase], word: str) -> QuerySet[Purchase]:
    """Those of them that this whole word names: by their own id, Stripe's session or payment, who bought, or the
    account that the credits went to. Each is read from an index.
    """
    payments = Payment.objects.filter(Q(stripe_payment_intent_id=word) | Q(stripe_charge_id=word))
    named = Q(stripe_session_id=word) | Q(pk__in=list(payments.values_list("purchase", flat=True)))
    named |= Q(user__in=users_named(word)) | Q(account__in=accounts_named(word))
    if identifier := as_uuid(word):
        named |= Q(pk=identifier)
    return purchases.filter(named)


def kinds_of_purchase_events() -> list[str]:
    """What has ever happened to a purchase."""
    return distinct_values(PurchaseEvent, "what")


def open_purchases() -> QuerySet[Purchase]:
    """Those that can still be paid, or whose payment is under way."""
    return Purchase.objects.filter(status__in=OPEN)


def purchases_needing_attention() -> QuerySet[Purchase]:
    """Those where money and purchase don't agree, and staff must look."""
    return Purchase.objects.exclude(attention=Purchase.Attention.NONE)


def _teams_managed_by(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user, role__in=MANAGERS)


def _with_status(purchases: QuerySet[Purchase], status: str) -> QuerySet[Purchase]:
    return purchases.filter(status=status) if status else purchases
