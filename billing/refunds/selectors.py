"""Query refunds and disputes."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet, Sum

from accounts.models import User
from accounts.teams.models import Team
from billing.purchases.models import Payment, Purchase
from billing.purchases.selectors import documented_purchases, purchases_of
from billing.refunds.models import Dispute, Refund


def purchases_with_documents(user: User, status: str = "", team: Team | None = None) -> QuerySet[Purchase]:
    """Return `purchases_of`, with accepted payments' succeeded refunds as ``settled_refunds``, in two more queries."""
    noted = Refund.objects.filter(status=Refund.Status.SUCCEEDED, payment__lot__isnull=False).order_by(
        "created_at", "id"
    )
    settled = Prefetch("payments__refunds", noted, to_attr="settled_refunds")
    return purchases_of(user, status, team).prefetch_related("payments", settled)


def documented_refunds(user: User) -> QuerySet[Refund]:
    """Return the refunds of `documented_purchases`."""
    return Refund.objects.filter(payment__purchase__in=documented_purchases(user))


def disputes_to_answer() -> QuerySet[Dispute]:
    """Return disputes whose evidence is due."""
    return Dispute.objects.filter(status__in=Dispute.NEEDING_ANSWER)


def recorded_refunds(payment: Payment) -> int:
    """Return the sum of a payment's refunds in effect that are recorded with Stripe's id, in minor units."""
    known = payment.refunds.filter(status__in=Refund.STANDING, stripe_refund_id__isnull=False)
    return int(known.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
