-- Takes what an adjustment gave, from its own lot first, where the account has it: done | insufficient.
CREATE OR REPLACE FUNCTION credits_take_back(
    p_account uuid, p_lot bigint, p_amount numeric, p_balance numeric, p_key text, p_reference text,
    p_metadata jsonb, p_now timestamptz,
    OUT outcome text, OUT entry_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_picked record;
BEGIN
    SELECT * INTO v_picked FROM credits_pick_from(p_account, p_lot, p_amount, p_now);
    outcome := CASE WHEN v_picked.missing > 0 THEN 'insufficient' ELSE 'done' END;
    missing := v_picked.missing;
    balance_after := p_balance;
    IF outcome = 'done' THEN
        SELECT t.entry_id, t.balance_after INTO entry_id, balance_after FROM credits_take(
            p_account, 'adjustment', v_picked.lots, v_picked.taken, p_key, p_reference, p_metadata, p_now) t;
    END IF;
END $$;
