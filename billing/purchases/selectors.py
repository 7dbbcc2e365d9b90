"""Query purchases."""

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
# Per list of recent purchases. Checkouts are open for a day at most, so real buyers never reach it.
MOST_OPEN = 20


def purchases_of(user: User, status: str = "", team: Team | None = None) -> QuerySet[Purchase]:
    """Return the purchases of the user, or of ``team`` if they are in it, newest first, with payments and buyers."""
    bought = Purchase.objects.filter(account__team=team) if team else Purchase.objects.filter(user=user)
    return _with_status(bought.select_related("user", "account__team").prefetch_related("payments"), status)


def recent_purchases(purchases: QuerySet[Purchase], most: int) -> list[Purchase]:
    """Return the latest purchases, newest first: open ones (`MOST_OPEN` at most) and ``most`` others, not expired.

    Abandoned checkouts never push out a payment under way.
    """
    # Processing sorts after pending, so in descending order payments under way come before unpaid checkouts.
    unsettled = purchases.filter(status__in=OPEN).order_by("-status", "-created_at", "-id")[:MOST_OPEN]
    settled = purchases.exclude(status__in=[*OPEN, Purchase.Status.EXPIRED])[:most]
    return sorted([*unsettled, *settled], key=lambda each: (each.created_at, each.pk), reverse=True)


def sees_documents_of(user: User, team: Team | None) -> bool:
    """Return whether the user may see the receipts of other members' purchases for the team."""
    return team is not None and _teams_managed_by(user).filter(team=team).exists()


def documented_purchases(user: User) -> QuerySet[Purchase]:
    """Return the purchases whose receipts the user may see: their own, and those for teams they manage."""
    seen = Q(user=user) | Q(account__team__in=_teams_managed_by(user).values("team"))
    return Purchase.objects.filter(seen)


def all_purchases(status: str = "") -> QuerySet[Purchase]:
    """Return all purchases with buyers and payments, newest first, for staff."""
    return _with_status(
        Purchase.objects.select_related("user", "account").prefetch_related("payments"), status
    )


def purchases_named(purchases: QuerySet[Purchase], word: str) -> QuerySet[Purchase]:
    """Filter purchases by one whole word: their id, Stripe session or payment, buyer, or account. All are indexed."""
    payments = Payment.objects.filter(Q(stripe_payment_intent_id=word) | Q(stripe_charge_id=word))
    named = Q(stripe_session_id=word) | Q(pk__in=list(payments.values_list("purchase", flat=True)))
    named |= Q(user__in=users_named(word)) | Q(account__in=accounts_named(word))
    if identifier := as_uuid(word):
        named |= Q(pk=identifier)
    return purchases.filter(named)


def kinds_of_purchase_events() -> list[str]:
    """Return every kind of event on record."""
    return distinct_values(PurchaseEvent, "what")


def open_purchases() -> QuerySet[Purchase]:
    """Return purchases that can still be paid, or whose payment is under way."""
    return Purchase.objects.filter(status__in=OPEN)


def purchases_needing_attention() -> QuerySet[Purchase]:
    """Return purchases whose payment doesn't match, for staff to act on."""
    return Purchase.objects.exclude(attention=Purchase.Attention.NONE)


def _teams_managed_by(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user, role__in=MANAGERS)


def _with_status(purchases: QuerySet[Purchase], status: str) -> QuerySet[Purchase]:
    return purchases.filter(status=status) if status else purchases
