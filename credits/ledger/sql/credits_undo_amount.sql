-- What undoing an entry of an adjustment would book now: what it gave and is not gone by itself (expired, booked out
-- or not, forfeited, taken by staff) below zero, what it took above zero; nothing where it was undone; null where
-- there is no such entry.
CREATE OR REPLACE FUNCTION credits_undo_amount(p_account uuid, p_entry bigint)
RETURNS numeric
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_entry record;
BEGIN
    SELECT e.amount, e.lots, e.created_at INTO v_entry
        FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    IF EXISTS (
        SELECT FROM credits_entry e
        WHERE e.account_id = p_account AND e.kind = 'adjustment' AND e.metadata -> 'undoes' = to_jsonb(p_entry)
    ) THEN
        RETURN 0;
    END IF;
    IF v_entry.amount < 0 OR cardinality(v_entry.lots) > 1 OR NOT EXISTS (
        SELECT FROM credits_lot l
        WHERE l.account_id = p_account AND l.id = v_entry.lots[1] AND l.created_at = v_entry.created_at
    ) THEN
        RETURN -v_entry.amount;
    END IF;
    RETURN (
        SELECT f.lost - v_entry.amount
               + CASE WHEN l.expires_at <= clock_timestamp() THEN l.remaining - l.held ELSE 0 END
        FROM credits_lot l, credits_lot_flows(p_account, l.id) f
        WHERE l.account_id = p_account AND l.id = v_entry.lots[1]
    );
END $$;
