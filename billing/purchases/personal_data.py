"""Export and erase the personal data of a buyer, in purchases for themselves or for a team."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.privacy.registry import File, Obstacle, PersonalData, csv_file
from billing.purchases.exports import NEWEST_FIRST, purchases_csv
from billing.purchases.models import Payment, Purchase, PurchaseEvent, ScheduledGrant
from billing.purchases.payment_methods import paid_with
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches
from credits.privacy.credits_data import accounts_of

HISTORY = ["purchase", "time", "what", "from", "to", "source_of", "detail"]
PAYMENTS = ["payment", "purchase", "state", "amount", "currency", "paid", "paid_with", "fingerprint"]


def concerned_purchases(user: User) -> QuerySet[Purchase]:
    """Return the user's purchases, and all purchases for accounts that only the user owns."""
    return Purchase.objects.filter(Q(user=user) | Q(account__in=accounts_of(user)))


def _purchases(user: User) -> Iterator[str]:
    return purchases_csv(Purchase.objects.filter(user=user))


def _history(user: User) -> Iterator[str]:
    events = in_row_batches(PurchaseEvent.objects.filter(purchase__user=user), ["id"])
    return csv_lines(HISTORY, (map(_event_row, batch) for batch in events))


def _event_row(event: PurchaseEvent) -> list[str]:
    detail = json.dumps(event.detail, ensure_ascii=False) if event.detail else ""
    return [
        str(event.purchase_id),
        utc_text(event.created_at),
        event.what,
        event.from_status,
        event.to_status,
        event.source,
        detail,
    ]


def _payments(user: User) -> Iterator[str]:
    payments = in_row_batches(Payment.objects.filter(purchase__user=user), NEWEST_FIRST)
    return csv_lines(PAYMENTS, (map(_payment_row, batch) for batch in payments))


def _payment_row(row: Payment) -> list[str]:
    return [
        row.stripe_payment_intent_id,
        str(row.purchase_id),
        row.state,
        str(row.amount.major),
        row.currency,
        utc_text(row.paid_at),
        harmless(paid_with(row)),
        harmless(row.fingerprint),
    ]


def _scheduled(user: User) -> QuerySet[ScheduledGrant]:
    return ScheduledGrant.objects.filter(purchase__user=user)


class PurchasesData(PersonalData):
    lock_rank = 1
    files = (
        File(
            "purchases.csv",
            "what you bought, also for a team",
            ("purchases.Purchase",),
            _purchases,
        ),
        File(
            "purchase-history.csv",
            "what happened to each purchase",
            ("purchases.PurchaseEvent",),
            _history,
        ),
        File(
            "payments.csv",
            "your payments, and what each was made with",
            ("purchases.Payment",),
            _payments,
        ),
        csv_file(
            "scheduled-credits.csv",
            "credits that come in parts, such as those of a year paid at once, or with a bonus",
            ("purchases.ScheduledGrant",),
            {
                "purchase": "purchase_id",
                "credits": "credits",
                "bonus": "is_bonus",
                "due": "due_at",
                "expires": "expires_at",
            },
            _scheduled,
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Purchase.objects.filter(user=user),)

    def lock(self, user: User) -> None:
        purchases = Purchase.objects.filter(user=user).order_by("pk")
        list(purchases.select_for_update(of=("self",)).values_list("pk"))

    def obstacles(self, user: User, *, forfeit: bool) -> Iterator[Obstacle]:
        purchases = concerned_purchases(user)
        if purchases.filter(status__in=[Purchase.Status.PENDING, Purchase.Status.PROCESSING]).exists():
            message = _(
                "A purchase is open: wait until it is paid or expires (up to an hour, or several days for bank "
                "payments)."
            )
            yield Obstacle("purchases_open", message)
        if purchases.exclude(attention="").exists():
            message = _(
                "A purchase needs attention: its payment doesn’t match. Resolve it on its page first."
            )
            yield Obstacle("purchases_need_attention", message)

    def erase(self, user: User) -> None:
        # A client's key may contain anything, even an email address, and an erased user repeats no request.
        Purchase.objects.filter(user=user).update(idempotency_key=None, checkout_url="")
        # Clear what identifies a card or bank account; the method and the amount stay.
        Payment.objects.filter(purchase__user=user).update(last4="", fingerprint="", bank="")
