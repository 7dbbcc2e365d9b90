-- Locks accounts one after the other, and ends their overdue holds: what those keep is nobody's any more.
CREATE OR REPLACE FUNCTION credits_lock_for_batch(p_accounts uuid[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_account uuid;
    v_now timestamptz;
BEGIN
    FOREACH v_account IN ARRAY p_accounts LOOP
        PERFORM FROM credits_account a WHERE a.id = v_account FOR NO KEY UPDATE;
    END LOOP;
    v_now := clock_timestamp();
    FOR v_account IN
        SELECT DISTINCT h.account_id FROM credits_hold h
        WHERE h.account_id = ANY (p_accounts) AND h.status = 'open' AND h.expires_at <= v_now
    LOOP
        PERFORM credits_expire_holds_of(v_account, v_now);
    END LOOP;
END $$;
