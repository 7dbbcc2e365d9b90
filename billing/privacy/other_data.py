"""Export the emails a user was sent, and list what needs no file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.privacy.registry import File, PersonalData
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from core.csv_lines import csv_lines, utc_text

MAILS = ["about", "what", "sent"]


def _mails(user: User) -> Iterator[str]:
    """Yield emails about purchases, refunds and gifts; those about notices are exported with the notices."""
    purchases = Purchase.objects.filter(user=user)
    refunds = Refund.objects.filter(payment__purchase__user=user)
    rows = [
        *_sent(purchases, "confirmation_sent_at", "confirmation of the purchase"),
        *_sent(purchases, "failure_mailed_at", "the payment failed"),
        *_sent(refunds, "mailed_at", "the refund"),
        *_sent(user.gifts_sent.all(), "sender_mailed_at", "the gift was sent"),
        *_sent(user.gifts_received.all(), "recipient_mailed_at", "the gift was received"),
    ]
    return csv_lines(MAILS, [rows])


def _sent(rows: QuerySet[Any], mark: str, what: str) -> list[list[str]]:
    marked = rows.filter(**{f"{mark}__isnull": False}).order_by("created_at", "pk").values_list("pk", mark)
    return [[str(key), what, utc_text(at)] for key, at in marked]


class OtherData(PersonalData):
    files = (
        File(
            "mails.csv",
            "which mails you were sent about purchases, refunds and gifts",
            (),
            _mails,
        ),
    )
    left_out = {
        "reconciliation.SeenPurchase": "which purchases a comparison with Stripe has met; forgotten when it ends",
        "reconciliation.SeenSubscription": "which subscriptions a comparison has met; forgotten when it ends",
        "reconciliation.ReconciliationRun": "names staff who ran it by their id; about nobody else",
        "reconciliation.ReconciliationFinding": "about the books; what came of it is in purchase-history.csv",
        "djstripe.Customer": "a copy of what Stripe holds, for staff to look at; Stripe answers for its own",
        "djstripe.WebhookEndpoint": "where Stripe sends events to; about nobody",
    }
