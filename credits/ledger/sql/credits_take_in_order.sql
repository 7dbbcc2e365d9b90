-- Takes an amount from the lots that would pay it, where they cover it. The balance counts lots that have expired since
-- the expiry job last ran: what they would have paid is "missing", and nothing is taken.
CREATE OR REPLACE FUNCTION credits_take_in_order(
    p_account uuid, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT moved numeric[], OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_lot bigint;
BEGIN
    -- Most of the time the first lot covers it all.
    UPDATE credits_lot l SET remaining = l.remaining - p_amount, exhausted = (l.remaining = p_amount)
        WHERE l.account_id = p_account AND l.id = (
                SELECT x.id FROM credits_lot x
                WHERE x.account_id = p_account AND NOT x.exhausted AND x.remaining > x.held
                      AND (x.expires_at IS NULL OR x.expires_at > p_now)
                ORDER BY x.expires_at, x.promotional DESC, x.id LIMIT 1
            ) AND l.remaining - l.held >= p_amount
        RETURNING l.id INTO v_lot;
    IF FOUND THEN
        lots := ARRAY[v_lot];
        moved := ARRAY[-p_amount];
        missing := 0;
        RETURN;
    END IF;
    SELECT p.lots, credits_negated(p.taken), p.missing INTO lots, moved, missing
        FROM credits_pick(p_account, p_amount, p_now) p;
    IF missing = 0 THEN
        PERFORM credits_add_to_lots(p_account, lots, moved);
    END IF;
END $$;
