"""Define the invariants of accounts, lots, entries and holds, each as a query for its violations.

Each selects (subject, detail); no rows is the proof.
"""

from __future__ import annotations

OF_BOOKS = {
    "no_overdraft": """
        SELECT 'account ' || id, format('balance %s, debt %s, held %s', balance, debt, held)
        FROM credits_account WHERE balance + debt < held OR held < 0 OR debt < 0
    """,
    "balance_equals_entries": """
        SELECT 'account ' || a.id, format('balance %s, its entries add up to %s', a.balance, coalesce(e.total, 0))
        FROM credits_account a
        LEFT JOIN (SELECT account_id, sum(amount) AS total FROM credits_entry GROUP BY account_id) e
            ON e.account_id = a.id
        WHERE a.balance <> coalesce(e.total, 0)
    """,
    "balance_equals_lots": """
        SELECT 'account ' || a.id,
               format('balance %s and debt %s, its lots have %s left', a.balance, a.debt, coalesce(l.total, 0))
        FROM credits_account a
        LEFT JOIN (SELECT account_id, sum(remaining) AS total FROM credits_lot GROUP BY account_id) l
            ON l.account_id = a.id
        WHERE a.balance + a.debt <> coalesce(l.total, 0)
    """,
    "debt_equals_what_entries_owe": """
        SELECT 'account ' || a.id, format('debt %s, its entries owe %s', a.debt, coalesce(e.total, 0))
        FROM credits_account a
        LEFT JOIN (SELECT account_id, sum(owed) AS total FROM credits_entry GROUP BY account_id) e
            ON e.account_id = a.id
        WHERE a.debt <> coalesce(e.total, 0)
    """,
    "held_equals_open_holds": """
        SELECT 'account ' || a.id,
               format('%s held, its open holds hold %s, its lots have pinned %s', a.held, coalesce(h.total, 0),
                      coalesce(l.total, 0))
        FROM credits_account a
        LEFT JOIN (SELECT account_id, sum(remaining) AS total FROM credits_hold WHERE status = 'open'
                   GROUP BY account_id) h ON h.account_id = a.id
        LEFT JOIN (SELECT account_id, sum(held) AS total FROM credits_lot GROUP BY account_id) l
            ON l.account_id = a.id
        WHERE a.held <> coalesce(h.total, 0) OR a.held <> coalesce(l.total, 0)
    """,
    "lot_pinned_by_its_holds": """
        SELECT 'lot ' || l.id, format('%s pinned, open holds pin %s', l.held, coalesce(h.total, 0))
        FROM credits_lot l
        LEFT JOIN (SELECT account_id, p.lot, sum(p.amount) AS total
                   FROM credits_hold, unnest(lots, pinned) AS p (lot, amount)
                   WHERE status = 'open' GROUP BY account_id, p.lot) h ON h.account_id = l.account_id AND h.lot = l.id
        WHERE l.held <> coalesce(h.total, 0)
    """,
    "hold_captured_what_was_spent_on_it": """
        SELECT 'hold ' || h.id, format('%s captured, its entries spent %s', h.captured, coalesce(-e.total, 0))
        FROM credits_hold h
        LEFT JOIN (SELECT account_id, metadata ->> 'hold' AS hold, sum(amount) AS total FROM credits_entry
                   WHERE metadata ? 'hold' GROUP BY account_id, 2) e
            ON e.account_id = h.account_id AND e.hold = h.id::text
        WHERE h.captured <> coalesce(-e.total, 0)
    """,
    "versions_without_gap": """
        SELECT 'account ' || a.id, format('version %s, %s entries, the last is %s', a.version, count(e.id),
                                          coalesce(max(e.version), 0))
        FROM credits_account a LEFT JOIN credits_entry e ON e.account_id = a.id
        GROUP BY a.id
        HAVING count(e.id) <> a.version OR coalesce(max(e.version), 0) <> a.version
            OR coalesce(min(e.version), 1) <> 1
    """,
    "entry_continues_the_balance": """
        SELECT 'entry ' || id, format('%s after %s, but %s came before', balance_after, amount, before)
        FROM (
            SELECT id, amount, balance_after,
                   lag(balance_after, 1, 0::numeric) OVER (PARTITION BY account_id ORDER BY version) AS before
            FROM credits_entry
        ) chained
        WHERE balance_after <> before + amount
    """,
    "entry_equals_its_movements": """
        SELECT 'entry ' || id, format('%s, it moved %s and owed %s', amount, moved, owed)
        FROM credits_entry
        WHERE cardinality(lots) <> cardinality(moved) OR amount <> credits_total(moved) - owed
    """,
    "lot_equals_its_movements": """
        SELECT 'lot ' || l.id, format('%s left, its movements add up to %s', l.remaining, coalesce(m.total, 0))
        FROM credits_lot l
        LEFT JOIN (SELECT account_id, m.lot, sum(m.amount) AS total
                   FROM credits_entry, unnest(lots, moved) AS m (lot, amount)
                   GROUP BY account_id, m.lot) m ON m.account_id = l.account_id AND m.lot = l.id
        WHERE l.remaining <> coalesce(m.total, 0)
    """,
    "lot_within_its_amount": """
        SELECT 'lot ' || id, format('%s of %s left', remaining, amount)
        FROM credits_lot
        WHERE remaining < 0 OR remaining > amount OR held > remaining OR exhausted <> (remaining = 0)
    """,
    "movement_within_one_account": """
        SELECT 'entry ' || e.id, format('it moved lot %s, which is not of its account', m.lot)
        FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots) AS m (lot)
        LEFT JOIN credits_lot l ON l.account_id = e.account_id AND l.id = m.lot
        WHERE l.id IS NULL
    """,
    "entry_is_sealed": """
        SELECT 'entry ' || id, 'it is not what its seal says, or the entries before it are not'
        FROM (
            SELECT *, lag(hash) OVER (PARTITION BY account_id ORDER BY version) AS previous FROM credits_entry
        ) chained
        WHERE hash <> credits_entry_hash(previous, account_id, version, kind, amount, balance_after, owed, lots,
                                         moved, created_at, key)
    """,
    "one_entry_per_key": """
        SELECT 'account ' || account_id, format('key %L stands on %s entries', key, count(*))
        FROM credits_entry GROUP BY account_id, key HAVING count(*) > 1
    """,
}
