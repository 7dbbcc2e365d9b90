-- Where a lot's credits went, but for those that were spent; and what is owed for those.
CREATE OR REPLACE FUNCTION credits_lot_flows(
    p_account uuid, p_lot bigint, OUT taken numeric, OUT offset_debt numeric, OUT lost numeric, OUT owed
    numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    SELECT coalesce(-sum(f.moved) FILTER (WHERE f.kind IN ('refund', 'dispute')), 0),
           coalesce(sum(CASE WHEN f.came_in THEN f.amount - f.moved ELSE -f.moved END)
                        FILTER (WHERE f.kind = 'offset' OR f.came_in), 0),
           coalesce(-sum(f.moved) FILTER (WHERE f.kind IN ('expiry', 'forfeit', 'adjustment') AND NOT f.came_in), 0),
           coalesce(sum(f.owed) FILTER (WHERE f.kind IN ('refund', 'dispute')), 0)
        INTO taken, offset_debt, lost, owed
        FROM (
            SELECT e.kind, m.amount AS moved, e.owed, l.amount,
                   e.created_at = l.created_at AND credits_brings_in(e.kind) AS came_in
            FROM credits_lot l
            JOIN credits_entry e ON e.account_id = l.account_id AND e.kind <> 'spend' AND e.lots @> ARRAY[l.id]
            CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
            WHERE l.account_id = p_account AND l.id = p_lot AND m.lot = l.id
        ) f;
END $$;
