"""Operations that read an account: its balance and its entries."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from msgspec import UNSET, Raw

from accounts.clients.models import Scope
from core.database.replica.reading import read_from_replica
from credits.api.cursors import read_cursor, write_cursor
from credits.api.endpoints import Answer, Call, operation
from credits.api.parsing import read_id
from credits.api.shapes import AccountBalance, EntriesPage, EntriesQuery, EntryShown, LotMoved
from credits.errors import UnknownAccount
from credits.formatting import plain
from credits.ledger.entry_pages import EntryRow, page_of_entries
from credits.ledger.models import Entry
from credits.ledger.selectors import find_balance


@operation("GET", Scope.READ, AccountBalance, refuses=(UnknownAccount,))
def read_account_balance(call: Call, account: str) -> Answer:
    """Get balance

    By account ID, or by the ID of the user who owns it. A user without an account has 0.
    """
    account_id = read_id(account, UnknownAccount)
    call.count(account_id)
    standing = find_balance(account_id)
    body = AccountBalance(
        account=standing.account_id or UNSET,
        balance=plain(standing.balance),
        available=plain(standing.available),
        held=plain(standing.held),
    )
    return Answer(body, standing)


@operation("GET", Scope.READ, EntriesPage, asks=EntriesQuery, refuses=(UnknownAccount,))
def list_entries(call: Call, asked: EntriesQuery, account: str) -> Answer:
    """List entries

    Newest first, in pages. Follow `next`, or send `next_cursor` as `cursor`. Every page is equally fast, and new
    entries don't shift pages.
    """
    account_id = read_id(account, UnknownAccount)
    before = read_cursor(asked.cursor)
    call.count(account_id)
    return read_from_replica(call.request, partial(_entries_page, call, asked, account_id, before))


def _entries_page(call: Call, asked: EntriesQuery, account_id: UUID, before: int | None) -> Answer:
    standing = find_balance(account_id)
    if standing.account_id is None:
        return Answer(EntriesPage(entries=[]), standing)
    kind = None if asked.kind is UNSET else asked.kind.value
    page = page_of_entries(standing.account_id, limit=asked.limit, before=before, kind=kind)
    shown = [_shown(call, row) for row in page.rows]
    if page.next_before is None:
        return Answer(EntriesPage(entries=shown), standing)
    cursor = write_cursor(page.next_before)
    query = {"limit": asked.limit, **({"kind": kind} if kind else {}), "cursor": cursor}
    address = f"{settings.SITE_URL}{call.request.path}?{urlencode(query)}"
    return Answer(EntriesPage(entries=shown, next=address, next_cursor=cursor), standing, next_page=address)


def _shown(call: Call, row: EntryRow) -> EntryShown:
    return EntryShown(
        id=row.id,
        version=row.version,
        kind=Entry.Kind(row.kind),
        amount=plain(row.amount),
        balance_after=plain(row.balance_after),
        key=row.key.removeprefix(call.business_key("")),
        reference=row.reference,
        metadata=Raw(row.metadata.encode()),
        lots=[
            LotMoved(lot=lot, amount=plain(amount)) for lot, amount in zip(row.lots, row.moved, strict=True)
        ],
        created_at=row.created_at,
    )
