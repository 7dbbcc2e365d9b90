"""Write the ledger as CSV: every entry, with its account's owner and its seal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from django.db.models import QuerySet

from core.csv_lines import csv_lines
from core.database.replica.reading import again_on_primary
from core.database.row_batches import in_row_batches
from credits.formatting import csv_row, plain
from credits.ledger.models import Account, Entry

COLUMNS = [
    "entry", "account", "owner_id", "owner", "version", "kind", "amount", "balance_after", "owed", "lots", "key",
    "reference", "created", "seal",
]  # fmt: skip
OLDEST_FIRST = ["created_at", "id"]


def entries_csv(entries: QuerySet[Entry], order: list[str]) -> Iterator[str]:
    """Stream the entries, a line each, in constant memory."""
    batches = entry_batches(entries, order)
    return csv_lines(COLUMNS, (again_on_primary(partial(rows_of, batch)) for batch in batches))


def entry_batches(entries: QuerySet[Entry], order: list[str]) -> Iterator[list[Entry]]:
    """Yield the entries as the file needs them: with their hash, without metadata or joins."""
    return in_row_batches(entries.select_related(None).defer(None).defer("metadata"), order)


def rows_of(batch: list[Entry]) -> list[list[str]]:
    """Return the entries' rows; their owners are looked up together."""
    owners = _owners({entry.account_id for entry in batch})
    return [
        csv_row(
            (
                entry.pk,
                entry.account_id,
                *owners[entry.account_id],
                entry.version,
                entry.kind,
                entry.amount,
                entry.balance_after,
                entry.owed,
                lots_text(entry),
                entry.key,
                entry.reference,
                entry.created_at,
                bytes(entry.hash).hex(),
            )
        )
        for entry in batch
    ]


def _owners(accounts: set[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return each account's owner: an id, and an address (or without one a username) or a team's name."""
    named = Account.objects.filter(pk__in=accounts).values_list(
        "pk", "owner_id", "owner__email", "owner__username", "team_id", "team__name"
    )
    return {
        account: (str(owner or team or ""), email or username or name or "")
        for account, owner, email, username, team, name in named
    }


def lots_text(entry: Entry) -> str:
    """Return the amount the entry moved per lot, such as ``17:-5 18:-2.5``."""
    return " ".join(f"{movement.lot_id}:{plain(movement.amount)}" for movement in entry.movements)
