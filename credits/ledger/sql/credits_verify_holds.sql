-- What an account holds is what its open holds still hold, and what its lots have pinned.
CREATE OR REPLACE FUNCTION credits_verify_holds(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_held numeric;
    v_open numeric;
    v_pinned numeric;
BEGIN
    SELECT a.held,
           (SELECT coalesce(sum(h.remaining), 0) FROM credits_hold h
            WHERE h.account_id = p_account AND h.status = 'open'),
           (SELECT coalesce(sum(l.held), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_held, v_open, v_pinned
        FROM credits_account a WHERE a.id = p_account;
    IF v_held <> v_open OR v_held <> v_pinned THEN
        PERFORM credits_refuse('credits_held_equals_open_holds', 'credits_hold', format(
            'account %s: %s held, its open holds hold %s, its lots have pinned %s',
            p_account, v_held, v_open, v_pinned));
    END IF;
END $$;
