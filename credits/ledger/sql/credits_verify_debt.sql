-- At commit: an account that owes has nothing free.
CREATE OR REPLACE FUNCTION credits_verify_debt(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_debt numeric := (SELECT a.debt FROM credits_account a WHERE a.id = p_account);
    v_missing numeric := (SELECT p.missing FROM credits_pick(p_account, v_debt, clock_timestamp()) p);
BEGIN
    IF v_missing < v_debt THEN
        PERFORM credits_refuse('credits_owes_only_while_nothing_is_free', 'credits_account', format(
            'account %s: it owes %s, and %s of its credits are free', p_account, v_debt, v_debt - v_missing));
    END IF;
END $$;
