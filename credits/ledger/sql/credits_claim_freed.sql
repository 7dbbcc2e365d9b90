-- Credits of these lots have become free: what clawbacks still claim of them is taken, a debt is paid off, and what
-- a closed account has free is forfeited. In an account that the caller has locked.
CREATE OR REPLACE FUNCTION credits_claim_freed(p_account uuid, p_lots bigint[], p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_claim record;
BEGIN
    FOR v_claim IN
        SELECT DISTINCT ON (c.lot_id) c.lot_id, c.kind, c.metadata FROM credits_clawback c
        WHERE c.account_id = p_account AND c.lot_id = ANY (p_lots) AND c.taken < c.amount
        ORDER BY c.lot_id, c.position, c.id
    LOOP
        PERFORM credits_settle_clawbacks(p_account, v_claim.lot_id, v_claim.kind, v_claim.metadata, p_now);
    END LOOP;
    PERFORM credits_offset_debt(p_account, p_now);
    IF (SELECT a.closed_at FROM credits_account a WHERE a.id = p_account) IS NOT NULL THEN
        PERFORM credits_forfeit(p_account, p_now);
    END IF;
END $$;
