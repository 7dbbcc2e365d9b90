"""Proves the ledger's invariants over the whole database.

The database refuses each violation when it is written; this reads everything again, as an auditor would, because a
restored backup, a disabled trigger or a repair by hand can get past a guard. Each invariant is one query that yields
its violations, so an empty answer is the proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import connection


@dataclass(frozen=True)
class Violation:
    """One broken invariant: its name, the row it is about, and what is wrong there."""

    invariant: str
    subject: str
    detail: str


# Each query selects (subject, detail).
INVARIANTS: dict[str, str] = {
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
        LEFT JOIN (SELECT p.lot, sum(p.amount) AS total FROM credits_hold, unnest(lots, pinned) AS p (lot, amount)
                   WHERE status = 'open' GROUP BY p.lot) h ON h.lot = l.id
        WHERE l.held <> coalesce(h.total, 0)
    """,
    "hold_captured_what_was_spent_on_it": """
        SELECT 'hold ' || h.id, format('%s captured, its entries spent %s', h.captured, coalesce(-e.total, 0))
        FROM credits_hold h
        LEFT JOIN (SELECT account_id, metadata ->> 'hold' AS hold, sum(amount) AS total FROM credits_entry
                   WHERE metadata ? 'hold' GROUP BY 1, 2) e ON e.account_id = h.account_id AND e.hold = h.id::text
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
        LEFT JOIN (SELECT m.lot, sum(m.amount) AS total FROM credits_entry, unnest(lots, moved) AS m (lot, amount)
                   GROUP BY m.lot) m ON m.lot = l.id
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
        LEFT JOIN credits_lot l ON l.id = m.lot
        WHERE l.account_id IS DISTINCT FROM e.account_id
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
    "owes_only_while_nothing_is_free": """
        SELECT 'account ' || a.id, format('it owes %s, and %s of its credits are free', a.debt, l.free)
        FROM credits_account a
        JOIN (SELECT account_id, sum(remaining - held) AS free FROM credits_lot
              WHERE NOT exhausted AND remaining > held AND (expires_at IS NULL OR expires_at > now())
              GROUP BY account_id) l ON l.account_id = a.id
        WHERE a.debt > 0
    """,
    "closed_account_has_nothing_free": """
        SELECT 'account ' || a.id, format('closed, and %s of its lot %s are free', l.remaining - l.held, l.id)
        FROM credits_account a JOIN credits_lot l ON l.account_id = a.id
        WHERE a.closed_at IS NOT NULL AND (a.owner_id IS NOT NULL OR a.team_id IS NOT NULL) AND l.remaining > l.held
              AND (l.expires_at IS NULL OR l.expires_at > now())
    """,
    "clawbacks_are_what_was_booked": """
        SELECT 'lot ' || c.lot_id,
               format('its clawbacks took %s and are owed %s, its entries say %s and %s', c.taken, c.owed, f.taken, f.owed)
        FROM (SELECT account_id, lot_id, sum(taken) AS taken, sum(owed) AS owed FROM credits_clawback GROUP BY 1, 2) c
        CROSS JOIN LATERAL credits_lot_flows(c.account_id, c.lot_id) f
        WHERE c.taken <> f.taken OR c.owed <> f.owed
        UNION ALL
        SELECT 'entry ' || e.id, 'it takes credits back, and its lot has no clawback'
        FROM credits_entry e
        WHERE e.kind IN ('refund', 'dispute')
              AND NOT EXISTS (SELECT FROM credits_clawback c WHERE c.lot_id = e.lots[1])
    """,
    "clawbacks_come_to_what_stands": """
        SELECT 'clawback ' || c.id, format('%s taken, %s pending, %s owed of %s; the lot makes it %s, %s and %s',
                                           c.taken, c.pending, c.owed, c.amount, w.taken, w.pending, w.owed)
        FROM (
            SELECT id, greatest(0, least(stop, can) - least(start, can)) AS taken,
                   greatest(0, least(stop, can + held) - greatest(start, can)) AS pending,
                   CASE WHEN policy = 'debt' THEN greatest(0, least(stop, amount - lost) - greatest(start, can + held))
                        ELSE 0 END AS owed
            FROM (
                SELECT c.id, c.policy, l.held, l.amount, f.lost, l.remaining - l.held + f.taken + f.offset_debt AS can,
                       sum(c.amount) OVER line - c.amount AS start, sum(c.amount) OVER line AS stop
                FROM credits_clawback c JOIN credits_lot l ON l.id = c.lot_id
                CROSS JOIN LATERAL credits_lot_flows(c.account_id, c.lot_id) f
                WINDOW line AS (PARTITION BY c.lot_id ORDER BY c.position, c.id)
            ) lines
        ) w
        JOIN credits_clawback c ON c.id = w.id JOIN credits_account a ON a.id = c.account_id
        WHERE (c.taken, c.pending) <> (w.taken, w.pending)
           OR c.owed <> w.owed AND a.closed_at IS NULL
           OR c.amount <> c.taken + c.pending + c.owed + c.waived
    """,
    "gift_carries_its_cost": """
        SELECT 'lot ' || l.id, format('%s for %s credits, its first lot %s cost %s for %s', l.cost_minor, l.cost_credits,
                                      root.id, root.cost_minor, root.amount)
        FROM credits_lot l LEFT JOIN credits_lot root ON root.id = l.origin_lot
        WHERE l.origin_lot IS NOT NULL
              AND (root.account_id IS DISTINCT FROM l.origin_account OR root.origin_lot IS NOT NULL
                   OR (l.cost_minor, l.currency, l.promotional) IS DISTINCT FROM
                      (root.cost_minor, root.currency, root.promotional)
                   OR l.cost_minor IS NOT NULL AND l.cost_credits <> root.amount)
    """,
    "gifts_arrive_whole": """
        SELECT 'lot ' || root.id, format('%s of it were given away, lots that come from it have %s', g.given, g.arrived)
        FROM (
            SELECT coalesce(m.origin_lot, m.id) AS origin, sum(m.sent) AS given, sum(m.born) AS arrived
            FROM (
                SELECT l.id, l.origin_lot, -coalesce(sum(t.amount), 0) AS sent,
                       CASE WHEN l.origin_lot IS NOT NULL THEN l.amount ELSE 0 END AS born
                FROM credits_lot l
                LEFT JOIN LATERAL (
                    SELECT t.amount FROM credits_entry e, unnest(e.lots, e.moved) AS t (lot, amount)
                    WHERE e.account_id = l.account_id AND e.kind <> 'spend' AND e.lots @> ARRAY[l.id] AND t.lot = l.id
                          AND (e.kind = 'gift_sent' OR e.kind = 'gift_received' AND e.created_at <> l.created_at)
                ) t ON true
                WHERE l.origin_lot IS NOT NULL OR EXISTS (SELECT FROM credits_lot o WHERE o.origin_lot = l.id)
                GROUP BY l.id
            ) m GROUP BY 1
        ) g
        JOIN credits_lot root ON root.id = g.origin
        WHERE g.given <> g.arrived
    """,
}


# Checks that call a function of the database: Django's models can't declare them, so a migration makes them.
CHECKS_OF_MIGRATIONS = [
    ("credits_entry", "credits_entry_continues_its_account"),
    ("credits_hold", "credits_hold_equals_pinned"),
]


def find_violations() -> Iterator[Violation]:
    """Every violation in the database, guards that are missing or switched off among them."""
    for invariant, query in INVARIANTS.items():
        yield from _violations_of(invariant, query)
    yield from _disarmed_guards()


def _violations_of(invariant: str, query: str) -> Iterator[Violation]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        for subject, detail in cursor:
            yield Violation(invariant, subject, detail)


def _disarmed_guards() -> Iterator[Violation]:
    """Constraints and triggers that we declare and the database lacks, or has switched off."""
    armed = _armed_guards()
    for table, guard in [*_guards_of_models(), *CHECKS_OF_MIGRATIONS]:
        if (table, guard) not in armed:
            yield Violation("guards_are_armed", f"table {table}", f"{guard} is missing or switched off")


def _guards_of_models() -> Iterator[tuple[str, str]]:
    for model in apps.get_app_config("credits").get_models():
        for constraint in model._meta.constraints:
            yield model._meta.db_table, constraint.name
        for trigger in getattr(model._meta, "triggers", []):
            yield model._meta.db_table, trigger.get_pgid(model)


def _armed_guards() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal
            UNION
            SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
                -- Not 't': a deferred trigger has a row here too, which stays when the trigger is switched off.
                WHERE k.convalidated AND k.contype <> 't'
            UNION
            -- A unique constraint with a condition is an index and no constraint.
            SELECT c.relname, i.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
                JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indisunique AND x.indisvalid
        """)
        return set(cursor.fetchall())
