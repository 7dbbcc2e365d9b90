"""Reading one account that holds all of the ledger's entries, and spending from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import md5
from uuid import UUID

import psycopg

from dev.bench.contenders.ledger import start as start_spending

OWNER = "bench-reader"
PAGE = 50
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
    from credits.models import Account

    owner = User.objects.create(username=OWNER)
    Account.objects.filter(pk=UUID(hex=md5(b"1", usedforsecurity=False).hexdigest())).update(owner=owner)
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FILL, {"entries": size - 2})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE credits_entry")


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """``option``: "balance"; "statement" and "entries" for a page of the user's and of the API's; or "spend".

    A page is followed by its number. At ten thousand entries there are two hundred pages: the last full one stands for
    the thousandth.
    """
    from credits.models import Account
    from credits.selectors import find_balance

    if option == "spend":
        return start_spending(url, 1, "spend")
    account = Account.objects.get(owner__username=OWNER)
    if option == "balance":
        return lambda: int(find_balance(account.pk).account_id == account.pk)
    what, number = option.split()
    before = max(account.version - (int(number) - 1) * PAGE, PAGE) + 1 if int(number) > 1 else None
    read = (
        _statement(account.pk, account.version, before)
        if what == "statement"
        else _entries(account.pk, before)
    )
    return lambda: _full_page(read())


def _statement(account_id: UUID, version: int, before: int | None) -> Callable[[], Sequence[object]]:
    from credits.statement import Selection, page_of

    selection = Selection(account_id, 0, version)
    return lambda: page_of(selection, before).lines


def _entries(account_id: UUID, before: int | None) -> Callable[[], Sequence[object]]:
    from credits.entry_pages import page_of_entries

    return lambda: page_of_entries(account_id, limit=PAGE, before=before).rows


def _full_page(page: Sequence[object]) -> int:
    if len(page) != PAGE:
        raise RuntimeError(f"A page of {len(page)} is no full page.")
    return 1
