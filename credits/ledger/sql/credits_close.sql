-- Closes an account for good: what it has free is forfeited, and so is whatever becomes free later; what clawbacks
-- are owed is waived. How much was forfeited now.
CREATE OR REPLACE FUNCTION credits_close(p_account uuid)
RETURNS numeric
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_now timestamptz;
    v_forfeited numeric;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    UPDATE credits_account a SET closed_at = v_now WHERE a.id = p_account AND a.closed_at IS NULL;
    PERFORM credits_expire_holds_of(p_account, v_now);
    v_forfeited := credits_forfeit(p_account, v_now);
    PERFORM credits_claim_freed(
        p_account, ARRAY(SELECT c.lot_id FROM credits_clawback c WHERE c.account_id = p_account), v_now);
    RETURN v_forfeited;
END $$;
