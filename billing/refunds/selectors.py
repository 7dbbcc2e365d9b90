"""Reads of refunds and disputes."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet, Sum

from accounts.models import User
from accounts.teams.models import Team
from billing.purchases.models import Payment, Purchase
from billing.purchases.selectors import documented_purchases, purchases_of
from billing.refunds.models import Dispute, Refund


def purchases_with_documents(user: User, status: str = "", team: Team | None = None) -> QuerySet[Purchase]:
    """`purchases_of`, each with its payments, and those with the refunds of an accepted one that have arrived as
    ``settled_refunds``. Two queries more.
    """
    noted = Refund.objects.filter(status=Refund.Status.SUCCEEDED, payment__lot__isnull=False).order_by(
        "created_at", "id"
    )
    settled = Prefetch("payments__refunds", noted, to_attr="settled_refunds")
    return purchases_of(user, status, team).prefetch_related("payments", settled)


def documented_refunds(user: User) -> QuerySet[Refund]:
    """The refunds of `documented_purchases`."""
    return Refund.objects.filter(payment__purchase__in=documented_purchases(user))


def disputes_to_answer() -> QuerySet[Dispute]:
    """Those whose evidence is due."""
    return Dispute.objects.filter(status__in=Dispute.NEEDING_ANSWER)


def recorded_refunds(payment: Payment) -> int:
    """Minor units of a payment's refunds that Stripe and we know of and that stand."""
    known = payment.refunds.filter(status__in=Refund.STANDING, stripe_refund_id__isnull=False)
    return int(known.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
