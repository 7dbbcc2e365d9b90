"""Write the ledger's files of a user's export."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.db.models import Q

from accounts.models import User
from core.csv_lines import csv_lines, harmless, utc_text
from core.database.row_batches import in_row_batches
from credits.adjustments.models import Adjustment
from credits.formatting import plain
from credits.gifts.models import Gift
from credits.ledger.entries_csv import lots_text
from credits.ledger.models import Account, Entry, Hold, Lot
from credits.notices.models import BalanceAlert, ExpiryWarning

STATEMENT = [
    "entry", "created", "kind", "amount", "balance_after", "owed", "lots", "key", "reference", "metadata",
]  # fmt: skip
LOTS = [
    "lot",
    "created",
    "amount",
    "remaining",
    "held",
    "promotional",
    "cost_minor",
    "currency",
    "expires",
    "reference",
]
HOLDS = [
    "hold", "created", "status", "amount", "remaining", "captured", "expires", "closed", "key", "reference", "metadata",
]  # fmt: skip
ADJUSTMENTS = [
    "adjustment",
    "asked",
    "status",
    "decided",
    "amount",
    "promotional",
    "expires",
    "reason",
    "reference",
]
GIFTS = ["gift", "given", "direction", "other", "amount", "message"]
NOTICES = ["what", "about", "since", "mail_sent"]


def statement(account: Account) -> Iterator[str]:
    """Write every entry, oldest first."""
    entries = Entry.objects.filter(account=account).defer("hash")
    return csv_lines(STATEMENT, (map(_entry, batch) for batch in in_row_batches(entries, ["version"])))


def lots(account: Account) -> Iterator[str]:
    """Write the lots, with what is left of each."""
    return csv_lines(LOTS, (map(_lot, batch) for batch in in_row_batches(account.lots.all(), ["id"])))


def holds(account: Account) -> Iterator[str]:
    """Write the holds."""
    batches = in_row_batches(account.holds.all(), ["created_at", "id"])
    return csv_lines(HOLDS, (map(_hold, batch) for batch in batches))


def adjustments(account: Account) -> Iterator[str]:
    """Write the adjustments and their reasons, without the staff's names."""
    batches = in_row_batches(account.adjustments.all(), ["asked_at", "id"])
    return csv_lines(ADJUSTMENTS, (map(_adjustment, batch) for batch in batches))


def gifts(user: User) -> Iterator[str]:
    """Write the gifts sent and received, with the other user and the message."""
    given = Gift.objects.filter(Q(sender=user) | Q(recipient=user)).prefetch_related("sender", "recipient")
    batches = in_row_batches(given, ["created_at", "id"])
    return csv_lines(GIFTS, ((_gift(gift, user) for gift in batch) for batch in batches))


def notices(account: Account) -> Iterator[str]:
    """Write the notice settings, and when notices were sent."""
    alerts = BalanceAlert.objects.filter(account=account)
    warnings = ExpiryWarning.objects.filter(account=account)
    rows = [
        [
            "low balance",
            "off" if alert.threshold is None else f"below {plain(alert.threshold)}",
            utc_text(alert.crossed_at),
            utc_text(alert.mailed_at),
        ]
        for alert in alerts
    ]
    rows += [
        ["expiry", f"lot {warning.pk}", utc_text(warning.created_at), utc_text(warning.mailed_at)]
        for warning in warnings.order_by("pk")
    ]
    return csv_lines(NOTICES, [rows])


def _entry(entry: Entry) -> list[str]:
    return [
        str(entry.version),
        utc_text(entry.created_at),
        entry.kind,
        plain(entry.amount),
        plain(entry.balance_after),
        plain(entry.owed),
        lots_text(entry),
        harmless(entry.key),
        harmless(entry.reference),
        _json(entry.metadata),
    ]


def _lot(lot: Lot) -> list[str]:
    return [
        str(lot.pk),
        utc_text(lot.created_at),
        plain(lot.amount),
        plain(lot.remaining),
        plain(lot.held),
        _yes(lot.promotional),
        # What the giver paid for gifted credits is the giver's data.
        "" if lot.cost_minor is None or lot.origin_lot else str(lot.cost_minor),
        "" if lot.origin_lot else lot.currency,
        utc_text(lot.expires_at),
        harmless(lot.reference),
    ]


def _hold(hold: Hold) -> list[str]:
    return [
        str(hold.pk),
        utc_text(hold.created_at),
        hold.status,
        plain(hold.amount),
        plain(hold.remaining),
        plain(hold.captured),
        utc_text(hold.expires_at),
        utc_text(hold.closed_at),
        harmless(hold.key),
        harmless(hold.reference),
        _json(hold.metadata),
    ]


def _adjustment(adjustment: Adjustment) -> list[str]:
    return [
        str(adjustment.pk),
        utc_text(adjustment.asked_at),
        adjustment.status,
        utc_text(adjustment.decided_at),
        plain(adjustment.amount),
        _yes(adjustment.promotional),
        utc_text(adjustment.expires_at),
        harmless(adjustment.reason),
        harmless(adjustment.reference),
    ]


def _gift(gift: Gift, user: User) -> list[str]:
    direction, other = ("sent", gift.recipient) if gift.sender_id == user.pk else ("received", gift.sender)
    return [
        str(gift.pk),
        utc_text(gift.created_at),
        direction,
        harmless(other.email if other else ""),
        plain(gift.amount),
        harmless(gift.message),
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if value else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"
