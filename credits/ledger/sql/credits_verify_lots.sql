-- At commit: the lots have left what the account says.
CREATE OR REPLACE FUNCTION credits_verify_lots(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_balance numeric;
    v_debt numeric;
    v_left numeric;
BEGIN
    SELECT a.balance, a.debt,
           (SELECT coalesce(sum(l.remaining), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_balance, v_debt, v_left
        FROM credits_account a WHERE a.id = p_account;
    IF v_balance + v_debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_balance, v_debt, v_left);
    END IF;
END $$;
