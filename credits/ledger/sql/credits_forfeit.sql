-- Books out what an account has free, for good; how much that was.
CREATE OR REPLACE FUNCTION credits_forfeit(p_account uuid, p_now timestamptz)
RETURNS numeric
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_picked record;
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    SELECT array_agg(l.id ORDER BY l.id) AS lots, array_agg(l.remaining - l.held ORDER BY l.id) AS taken INTO v_picked
        FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held;
    IF v_picked.lots IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM credits_take(
        p_account, 'forfeit', v_picked.lots, v_picked.taken,
        'forfeit:' || (SELECT a.version + 1 FROM credits_account a WHERE a.id = p_account), '', '{}', p_now);
    RETURN credits_total(v_picked.taken);
END $$;
