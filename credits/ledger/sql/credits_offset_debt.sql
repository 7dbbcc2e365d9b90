-- Pays off what the account owes, as far as it has free credits, in their spending order.
CREATE OR REPLACE FUNCTION credits_offset_debt(p_account uuid, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_debt numeric := (SELECT a.debt FROM credits_account a WHERE a.id = p_account);
    v_picked record;
BEGIN
    IF v_debt > 0 THEN
        SELECT * INTO v_picked FROM credits_pick(p_account, v_debt, p_now);
        IF v_picked.missing < v_debt THEN
            PERFORM credits_book_offset(p_account, v_picked.lots, credits_negated(v_picked.taken), p_now);
        END IF;
    END IF;
END $$;
