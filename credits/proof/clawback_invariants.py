"""Define the invariants of debts, clawbacks and gifts, each as a query for its violations.

Each selects (subject, detail); no rows is the proof.
"""

from __future__ import annotations

OF_CLAWBACKS = {
    "owes_only_while_nothing_is_free": """
        SELECT 'account ' || a.id, format('it owes %s, and %s of its credits are free', a.debt, l.free)
        FROM credits_account a
        JOIN (SELECT account_id, sum(remaining - held) AS free FROM credits_lot
              WHERE NOT exhausted AND remaining > held AND (expires_at IS NULL OR expires_at > now())
              GROUP BY account_id) l ON l.account_id = a.id
        WHERE a.debt > 0
    """,
    "closed_account_has_nothing_free": """
        SELECT 'account ' || a.id, format('closed at %s; its lot %s came in at %s, and %s of it are free', a.closed_at,
                                          l.id, l.created_at, l.remaining - l.held)
        FROM credits_account a JOIN credits_lot l ON l.account_id = a.id
        WHERE l.created_at > a.closed_at
           OR a.closed_at IS NOT NULL AND (a.owner_id IS NOT NULL OR a.team_id IS NOT NULL) AND l.remaining > l.held
              AND (l.expires_at IS NULL OR l.expires_at > now())
    """,
    "clawbacks_are_what_was_booked": """
        SELECT 'lot ' || c.lot_id,
               format('its clawbacks took %s and are owed %s, its entries say %s and %s', c.taken, c.owed, f.taken,
                      f.owed)
        FROM (SELECT account_id, lot_id, sum(taken) AS taken, sum(owed) AS owed FROM credits_clawback
              GROUP BY account_id, lot_id) c
        CROSS JOIN LATERAL credits_lot_flows(c.account_id, c.lot_id) f
        WHERE c.taken <> f.taken OR c.owed <> f.owed
        UNION ALL
        SELECT 'lot ' || e.lots[1], format('it has no clawback, and its entries took %s and owe %s',
                                           -sum(e.amount + e.owed), sum(e.owed))
        FROM credits_entry e
        WHERE e.kind IN ('refund', 'dispute')
              AND NOT EXISTS (SELECT FROM credits_clawback c
                              WHERE c.account_id = e.account_id AND c.lot_id = e.lots[1])
        GROUP BY e.account_id, e.lots[1] HAVING sum(e.amount) <> 0 OR sum(e.owed) <> 0
    """,
    "clawbacks_come_to_what_stands": """
        SELECT 'clawback ' || c.id, format('%s taken, %s pending, %s owed of %s; the lot makes it %s, %s and %s',
                                           c.taken, c.pending, c.owed, c.amount, w.taken, w.pending, w.owed)
        FROM (
            SELECT account_id, id, greatest(0, least(stop, can) - least(start, can)) AS taken,
                   greatest(0, least(stop, can + held) - greatest(start, can)) AS pending,
                   CASE WHEN policy = 'debt' THEN greatest(0, least(stop, amount - lost) - greatest(start, can + held))
                        ELSE 0 END AS owed
            FROM (
                SELECT c.account_id, c.id, c.policy, l.held, l.amount, f.lost,
                       l.remaining - l.held + f.taken + f.offset_debt AS can,
                       sum(c.amount) OVER line - c.amount AS start, sum(c.amount) OVER line AS stop
                FROM credits_clawback c JOIN credits_lot l ON l.account_id = c.account_id AND l.id = c.lot_id
                CROSS JOIN LATERAL credits_lot_flows(c.account_id, c.lot_id) f
                WINDOW line AS (PARTITION BY c.account_id, c.lot_id ORDER BY c.position, c.id)
            ) lines
        ) w
        JOIN credits_clawback c ON c.account_id = w.account_id AND c.id = w.id
        JOIN credits_account a ON a.id = c.account_id
        WHERE (c.taken, c.pending) <> (w.taken, w.pending)
           OR c.owed <> w.owed AND (a.closed_at IS NULL OR c.owed > 0)
           OR c.amount <> c.taken + c.pending + c.owed + c.waived
    """,
    "gift_carries_its_cost": """
        SELECT 'lot ' || l.id, format('%s for %s credits, its first lot %s cost %s for %s', l.cost_minor,
                                      l.cost_credits, root.id, root.cost_minor, root.amount)
        FROM credits_lot l
        LEFT JOIN credits_lot root ON root.account_id = l.origin_account AND root.id = l.origin_lot
        WHERE l.origin_lot IS NOT NULL
              AND (root.id IS NULL OR root.origin_lot IS NOT NULL
                   OR (l.cost_minor, l.currency, l.promotional) IS DISTINCT FROM
                      (root.cost_minor, root.currency, root.promotional)
                   OR l.cost_minor IS NOT NULL AND l.cost_credits <> root.amount)
    """,
    "gift_knows_where_it_comes_from": """
        SELECT 'lot ' || l.id, CASE WHEN l.origin_lot IS NULL THEN 'it came by a gift and names no original lot'
                                    ELSE 'a gift came back into another lot than its original' END
        FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots) AS m (lot)
        JOIN credits_lot l ON l.account_id = e.account_id AND l.id = m.lot AND l.created_at = e.created_at
        WHERE e.kind = 'gift_received' AND (l.origin_lot IS NULL OR l.origin_account = l.account_id)
    """,
    "undo_takes_its_own_credits_first": """
        SELECT 'entry ' || u.id,
               format('it undoes entry %s, took other credits, and left %s of its own', a.id, own.left_over)
        FROM credits_entry u
        JOIN credits_entry a ON a.account_id = u.account_id AND a.id = (u.metadata ->> 'undoes')::bigint
        JOIN credits_lot l ON l.account_id = a.account_id AND l.id = a.lots[1] AND l.created_at = a.created_at
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(m.amount), 0) AS left_over
            FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
            WHERE e.account_id = l.account_id AND e.version <= u.version AND m.lot = l.id
        ) own
        WHERE u.kind = 'adjustment' AND u.amount < 0 AND u.lots <> ARRAY[l.id] AND own.left_over > 0
              AND NOT EXISTS (SELECT FROM credits_hold h
                              WHERE h.account_id = l.account_id AND l.id = ANY (h.lots) AND h.created_at <= u.created_at
                                    AND (h.closed_at IS NULL OR h.closed_at >= u.created_at))
    """,
    "gifts_arrive_whole": """
        SELECT 'lot ' || root.id, format('%s of it were given away, lots that come from it have %s', g.given, g.arrived)
        FROM (
            SELECT coalesce(m.origin_account, m.account_id) AS account, coalesce(m.origin_lot, m.id) AS lot,
                   sum(m.sent) AS given, sum(m.born) AS arrived
            FROM (
                SELECT l.account_id, l.id, l.origin_account, l.origin_lot, -coalesce(sum(t.amount), 0) AS sent,
                       CASE WHEN l.origin_lot IS NOT NULL THEN l.amount ELSE 0 END AS born
                FROM credits_lot l
                LEFT JOIN LATERAL (
                    SELECT t.amount FROM credits_entry e, unnest(e.lots, e.moved) AS t (lot, amount)
                    WHERE e.account_id = l.account_id AND e.kind <> 'spend' AND e.lots @> ARRAY[l.id] AND t.lot = l.id
                          AND (e.kind = 'gift_sent' OR e.kind = 'gift_received' AND e.created_at <> l.created_at)
                ) t ON true
                WHERE l.origin_lot IS NOT NULL OR EXISTS (
                    SELECT FROM credits_lot o WHERE o.origin_account = l.account_id AND o.origin_lot = l.id)
                GROUP BY l.account_id, l.id
            ) m GROUP BY 1, 2
        ) g
        JOIN credits_lot root ON root.account_id = g.account AND root.id = g.lot
        WHERE g.given <> g.arrived
    """,
}
