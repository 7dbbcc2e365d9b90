"""Write the ledger's files of a user's export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from core.csv_lines import csv_lines
from core.database.row_batches import in_row_batches
from core.tracing.spans import TRACE
from credits.formatting import csv_row, plain
from credits.gifts.models import Gift
from credits.ledger.entries_csv import lots_text
from credits.ledger.models import Account, Entry
from credits.notices.models import BalanceAlert, ExpiryWarning

# Each file's columns, and what is in them: an attribute of its rows, or a function of one.
Columns = Mapping[str, str | Callable[[Any], object]]


def _own_metadata(entry: Entry) -> dict[str, Any]:
    """Return what was recorded with an entry, without the trace, which is about our programs."""
    return {name: value for name, value in entry.metadata.items() if name != TRACE}


STATEMENT: Columns = {
    "entry": "version",
    "created": "created_at",
    "kind": "kind",
    "amount": "amount",
    "balance_after": "balance_after",
    "owed": "owed",
    "lots": lots_text,
    "key": "key",
    "reference": "reference",
    "metadata": _own_metadata,
}
LOTS: Columns = {
    "lot": "pk",
    "created": "created_at",
    "amount": "amount",
    "remaining": "remaining",
    "held": "held",
    "promotional": "promotional",
    # What the giver paid for gifted credits is the giver's data.
    "cost_minor": lambda lot: None if lot.origin_lot else lot.cost_minor,
    "currency": lambda lot: None if lot.origin_lot else lot.currency,
    "expires": "expires_at",
    "reference": "reference",
}
HOLDS: Columns = {
    "hold": "pk",
    "created": "created_at",
    "status": "status",
    "amount": "amount",
    "remaining": "remaining",
    "captured": "captured",
    "expires": "expires_at",
    "closed": "closed_at",
    "key": "key",
    "reference": "reference",
    "metadata": "metadata",
}
ADJUSTMENTS: Columns = {
    "adjustment": "pk",
    "asked": "asked_at",
    "status": "status",
    "decided": "decided_at",
    "amount": "amount",
    "promotional": "promotional",
    "expires": "expires_at",
    "reason": "reason",
    "reference": "reference",
}
GIFTS = ["gift", "given", "direction", "other", "amount", "message"]
NOTICES = ["what", "about", "since", "mail_sent"]


def statement(account: Account) -> Iterator[str]:
    """Write every entry, oldest first."""
    return _file(STATEMENT, Entry.objects.filter(account=account).defer("hash"), ["version"])


def lots(account: Account) -> Iterator[str]:
    """Write the lots, with what is left of each."""
    return _file(LOTS, account.lots.all(), ["id"])


def holds(account: Account) -> Iterator[str]:
    """Write the holds."""
    return _file(HOLDS, account.holds.all(), ["created_at", "id"])


def adjustments(account: Account) -> Iterator[str]:
    """Write the adjustments and their reasons, without the staff's names."""
    return _file(ADJUSTMENTS, account.adjustments.all(), ["asked_at", "id"])


def gifts(user: User) -> Iterator[str]:
    """Write the gifts sent and received, with the other user and the message."""
    given = Gift.objects.filter(Q(sender=user) | Q(recipient=user)).prefetch_related("sender", "recipient")
    batches = in_row_batches(given, ["created_at", "id"])
    return csv_lines(GIFTS, ((_gift(gift, user) for gift in batch) for batch in batches))


def notices(account: Account) -> Iterator[str]:
    """Write the notice settings, and when notices were sent."""
    rows = [
        csv_row(("low balance", _threshold(alert), alert.crossed_at, alert.mailed_at))
        for alert in BalanceAlert.objects.filter(account=account)
    ]
    rows += [
        csv_row(("expiry", f"lot {warning.pk}", warning.created_at, warning.mailed_at))
        for warning in ExpiryWarning.objects.filter(account=account).order_by("pk")
    ]
    return csv_lines(NOTICES, [rows])


def _file(columns: Columns, rows: QuerySet[Any], order: Sequence[str]) -> Iterator[str]:
    readers = [attrgetter(column) if isinstance(column, str) else column for column in columns.values()]
    batches = in_row_batches(rows, order)
    return csv_lines(
        columns, ((csv_row(read(row) for read in readers) for row in batch) for batch in batches)
    )


def _gift(gift: Gift, user: User) -> list[str]:
    direction, other = ("sent", gift.recipient) if gift.sender_id == user.pk else ("received", gift.sender)
    email = other.email if other else ""
    return csv_row((gift.pk, gift.created_at, direction, email, gift.amount, gift.message))


def _threshold(alert: BalanceAlert) -> str:
    return "off" if alert.threshold is None else f"below {plain(alert.threshold)}"
