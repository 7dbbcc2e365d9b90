"""Reading one account that holds all of the ledger's entries, and spending from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import md5
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from dev.bench.contenders.ledger import start as start_spending

if TYPE_CHECKING:
    from credits.ledger.models import Account

OWNER = "bench-reader"
ENTRIES_A_PAGE = 50
# Past the triggers, which would take an hour over ten million; what they demand of the last entry holds.
FILL = """
SET LOCAL session_replication_role = replica;
INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, lots, moved, key, reference, metadata,
                           hash)
    SELECT a.id, a.version + n, 'spend', -0.25, a.balance - 0.25 * n, ARRAY[l.id], ARRAY[-0.25],
           'fill:' || to_char(n, 'FM00000000'), 'job', '{}', sha256(int8send(n))
    FROM credits_account a, LATERAL (SELECT id FROM credits_lot WHERE account_id = a.id ORDER BY id LIMIT 1) l,
         generate_series(1, %(entries)s) n
    WHERE a.id = md5('1')::uuid;
UPDATE credits_lot SET remaining = remaining - 0.25 * %(entries)s
    WHERE id = (SELECT min(id) FROM credits_lot WHERE account_id = md5('1')::uuid);
UPDATE credits_account SET balance = balance - 0.25 * %(entries)s, version = version + %(entries)s
    WHERE id = md5('1')::uuid;
"""


def load(url: str) -> None:
    import django

    django.setup()


def fill(url: str, size: int) -> None:
    """Gives the first account an owner, and entries until it has ``size``, two of which are its grants."""
    from accounts.models import User
    from credits.ledger.models import Account

    owner = User.objects.create(username=OWNER)
    Account.objects.filter(pk=UUID(hex=md5(b"1", usedforsecurity=False).hexdigest())).update(owner=owner)
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FILL, {"entries": size - 2})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE credits_entry")


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """``option``: "balance"; "statement" and "entries" for a page of the user's and of the API's; or "spend".

    A page is followed by its number. Ten thousand entries have no thousandth page: their last full one stands for it.
    """
    from credits.ledger.models import Account
    from credits.ledger.selectors import find_balance

    if option == "spend":
        return start_spending(url, 1, "spend")
    account = Account.objects.get(owner__username=OWNER)
    if option == "balance":
        return lambda: int(find_balance(account.pk).account_id == account.pk)
    what, number = option.split()
    return _page_reader(account, int(number), from_statement=what == "statement")


def _page_reader(account: Account, number: int, *, from_statement: bool) -> Callable[[], int]:
    from credits.ledger.entry_pages import page_of_entries
    from credits.statement.reading import PAGE_SIZE, Selection, page_of

    size = PAGE_SIZE if from_statement else ENTRIES_A_PAGE
    before = max(account.version - (number - 1) * size, size) + 1 if number > 1 else None
    selection = Selection(account.pk, 0, account.version)

    def read() -> int:
        if from_statement:
            read: Sequence[object] = page_of(selection, before).lines
        else:
            read = page_of_entries(account.pk, limit=size, before=before).rows
        if len(read) != size:
            raise RuntimeError(f"A page of {len(read)} is no full page.")
        return 1

    return read
