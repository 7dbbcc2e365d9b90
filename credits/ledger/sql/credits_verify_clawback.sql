-- At commit: what came of a clawback is all of it.
CREATE OR REPLACE FUNCTION credits_verify_clawback(p_account uuid, p_id uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_claim record;
BEGIN
    SELECT c.amount, c.taken, c.pending, c.owed, c.waived INTO v_claim
        FROM credits_clawback c WHERE c.account_id = p_account AND c.id = p_id;
    IF v_claim.amount <> v_claim.taken + v_claim.pending + v_claim.owed + v_claim.waived THEN
        PERFORM credits_refuse('credits_clawback_adds_up', 'credits_clawback', format(
            'clawback %s: of %s, %s were taken, %s are pending, %s owed and %s waived',
            p_id, v_claim.amount, v_claim.taken, v_claim.pending, v_claim.owed, v_claim.waived));
    END IF;
END $$;
