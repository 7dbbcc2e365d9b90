-- Takes out what an account's expired lots have left and no hold has pinned: one entry each. How many there were.
CREATE OR REPLACE FUNCTION credits_expire_lots_of(p_account uuid)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_lot record;
    v_now timestamptz;
    v_version bigint;
    v_balance numeric;
    v_count bigint := 0;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    FOR v_lot IN
        SELECT l.id, l.remaining - l.held AS free, l.reference FROM credits_lot l
        WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held AND l.expires_at <= v_now
        ORDER BY l.expires_at, l.promotional DESC, l.id
    LOOP
        v_count := v_count + 1;
        PERFORM set_config('credits.writer', 'ledger', true);
        UPDATE credits_account a SET balance = a.balance - v_lot.free, version = a.version + 1
            WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
        PERFORM credits_add_to_lots(p_account, ARRAY[v_lot.id], ARRAY[-v_lot.free]);
        PERFORM set_config('credits.writer', '', true);
        PERFORM credits_append(p_account, v_version, 'expiry', -v_lot.free, v_balance, 0, ARRAY[v_lot.id],
                               ARRAY[-v_lot.free], format('expiry:%s:%s', v_lot.id, v_version), v_lot.reference, '{}',
                               v_now);
    END LOOP;
    RETURN v_count;
END $$;
