-- Says which clawbacks of a lot stand, in their order, in place of those before; and settles them. "p_kind" and
-- "p_metadata" are those of the entry, if there is one.
-- outcome: done | too_much (than the lot ever had) | conflict (a clawback of another lot) | unknown_lot.
CREATE OR REPLACE FUNCTION credits_claw_back(
    p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamptz[], p_kinds text[], p_policies text[],
    p_amounts numeric[], p_claims_metadata jsonb[], p_kind text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT taken numeric, OUT owed numeric, OUT balance numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_amount numeric;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT l.amount INTO v_amount FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot;
    outcome := CASE
        WHEN v_amount IS NULL THEN 'unknown_lot'
        WHEN credits_total(p_amounts) > v_amount THEN 'too_much'
        WHEN EXISTS (SELECT FROM credits_clawback c
                     WHERE c.account_id = p_account AND c.id = ANY (p_ids) AND c.lot_id <> p_lot) THEN 'conflict'
        ELSE 'done'
    END;
    IF outcome = 'done' THEN
        PERFORM credits_expire_holds_of(p_account, v_now);
        PERFORM credits_state_clawbacks(p_account, p_lot, p_ids, p_ats, p_kinds, p_policies, p_amounts,
                                        p_claims_metadata, v_now);
        SELECT s.* INTO entry_id, taken, owed
            FROM credits_settle_clawbacks(p_account, p_lot, p_kind, p_metadata, v_now) s;
    END IF;
    balance := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
END $$;
