"""Export and erase the personal data in receipts and credit notes."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import User
from accounts.privacy.registry import File, PersonalData
from billing.receipts.issuing import erase_buyers
from billing.receipts.models import Receipt
from core.csv_lines import csv_lines, harmless
from core.database.row_batches import in_row_batches

RECEIPTS = ["number", "kind", "day", "purchase", "made_out_to"]


def _receipts(user: User) -> Iterator[str]:
    receipts = in_row_batches(Receipt.objects.filter(purchase__user=user), ["-issued_at", "-id"])
    return csv_lines(RECEIPTS, (map(_receipt_row, batch) for batch in receipts))


def _receipt_row(row: Receipt) -> list[str]:
    return [row.number, row.kind, row.day.isoformat(), str(row.purchase_id), harmless(row.buyer)]


class ReceiptsData(PersonalData):
    files = (
        File(
            "receipts.csv",
            "receipts and credit notes that were made out to you",
            ("receipts.Receipt",),
            _receipts,
        ),
    )

    def erase(self, user: User) -> None:
        erase_buyers(Receipt.objects.filter(purchase__user=user))
