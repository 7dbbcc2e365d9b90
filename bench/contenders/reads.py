"""Read one account that holds all of the ledger's entries, and spend from it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg

from bench.contenders import ledger
from bench.contenders.ledger import load

__all__ = ["fill", "load", "start"]

OWNER = "bench-reader"
ENTRIES_A_PAGE = 50
# Bypasses the triggers, which would take an hour for ten million; what they demand of the last entry holds.
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


def fill(url: str, size: int) -> None:
    """Give the first account an owner, and entries until it has ``size``, two of which are its grants."""
    from accounts.models import User
    from credits.ledger.models import Account

    [account] = ledger.account_ids(url, 1)
    Account.objects.filter(pk=account).update(owner=User.objects.create(username=OWNER))
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FILL, {"entries": size - 2})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE credits_entry")


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    """``option``: "balance", "spend", or a page's kind and number: "statement" is the user's, "entries" the API's.

    Ten thousand entries have no thousandth page; their last full one stands in for it.
    """
    from credits.ledger.selectors import find_balance

    if option == "spend":
        return ledger.start(url, 1, "spend")
    [account] = ledger.account_ids(url, 1)
    if option == "balance":
        return lambda: find_balance(account)
    what, number = option.split()
    return _page_reader(account, what, int(number))


def _page_reader(account: UUID, what: str, number: int) -> Callable[[], object]:
    from credits.ledger.entry_pages import page_of_entries
    from credits.ledger.models import Account
    from credits.statement.reading import PAGE_SIZE, Selection, page_of

    version = Account.objects.get(pk=account).version
    size = PAGE_SIZE if what == "statement" else ENTRIES_A_PAGE
    before = max(version - (number - 1) * size, size) + 1 if number > 1 else None
    selection = Selection(account, 0, version)

    def read() -> None:
        if what == "statement":
            rows = len(page_of(selection, before).lines)
        else:
            rows = len(page_of_entries(account, limit=size, before=before).rows)
        if rows != size:
            raise RuntimeError(f"A page of {rows} is not a full page.")

    return read
