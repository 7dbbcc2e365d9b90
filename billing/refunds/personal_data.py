"""Export and erase the personal data in a buyer's refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.privacy.names import PREFIX, names_of, without_names
from accounts.privacy.registry import File, Obstacle, PersonalData
from billing.purchases.exports import NEWEST_FIRST
from billing.purchases.personal_data import concerned_purchases
from billing.refunds.claims import claim_of
from billing.refunds.models import Dispute, Refund
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches
from credits.formatting import plain

SETTLED_DISPUTES = (
    Dispute.Status.WON,
    Dispute.Status.LOST,
    Dispute.Status.WARNING_CLOSED,
    Dispute.Status.PREVENTED,
)
REFUNDS_UNDER_WAY = (Refund.Status.REQUESTED, Refund.Status.PENDING, Refund.Status.REQUIRES_ACTION)
REFUNDS = [
    "refund",
    "created",
    "settled",
    "status",
    "purchase",
    "amount",
    "currency",
    "reason",
    "credits_taken",
]
DISPUTES = [
    "dispute",
    "created",
    "closed",
    "status",
    "purchase",
    "amount",
    "currency",
    "reason",
    "credits_taken",
]


def _refunds(user: User) -> Iterator[str]:
    """Export refunds without staff's internal note; staff can add it to their answer."""
    refunds = Refund.objects.filter(payment__purchase__user=user).select_related("payment")
    batches = in_row_batches(refunds, NEWEST_FIRST)
    return csv_lines(REFUNDS, ((_reversal_row(row, row.settled_at) for row in batch) for batch in batches))


def _disputes(user: User) -> Iterator[str]:
    disputes = Dispute.objects.filter(payment__purchase__user=user).select_related("payment")
    batches = in_row_batches(disputes, NEWEST_FIRST)
    return csv_lines(DISPUTES, ((_reversal_row(row, row.closed_at) for row in batch) for batch in batches))


def _reversal_row(row: Refund | Dispute, ended: datetime | None) -> list[str]:
    return [
        str(row.pk),
        utc_text(row.created_at),
        utc_text(ended),
        row.status,
        str(row.payment.purchase_id),
        str(row.amount.major),
        row.currency,
        harmless(row.reason),
        plain(claim_of(row).taken),
    ]


class RefundsData(PersonalData):
    lock_rank = 1
    files = (
        File("refunds.csv", "money that went back to you", ("refunds.Refund",), _refunds),
        File(
            "disputes.csv",
            "payments that your bank questioned",
            ("refunds.Dispute",),
            _disputes,
        ),
    )

    def obstacles(self, user: User, *, forfeit: bool) -> Iterator[Obstacle]:
        purchases = concerned_purchases(user)
        if Refund.objects.filter(payment__purchase__in=purchases, status__in=REFUNDS_UNDER_WAY).exists():
            message = _("A refund is in progress: wait until it succeeds or fails.")
            yield Obstacle("refunds_under_way", message)
        disputes = Dispute.objects.filter(payment__purchase__in=purchases)
        if disputes.exclude(status__in=SETTLED_DISPUTES).exists():
            message = _("A dispute is open: the response needs the buyer’s data. Wait for the decision.")
            yield Obstacle("disputes_open", message)

    def erase(self, user: User) -> None:
        names = names_of(user)
        for refund in Refund.objects.filter(payment__purchase__user=user).exclude(note=""):
            note = without_names(refund.note, names, f"{PREFIX}{user.pk}")[:300]
            Refund.objects.filter(pk=refund.pk).update(note=note)
