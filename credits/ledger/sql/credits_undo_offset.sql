-- Undoes the payment of so much debt: what was paid last in the spending order comes back first. It is owed again,
-- for the caller to reduce.
CREATE OR REPLACE FUNCTION credits_undo_offset(p_account uuid, p_amount numeric, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_paid record;
    v_left numeric := p_amount;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    FOR v_paid IN
        SELECT l.id, p.amount, p.since FROM credits_offsets(p_account) p
        JOIN credits_lot l ON l.account_id = p_account AND l.id = p.lot
        WHERE p.amount > 0
        ORDER BY l.expires_at DESC NULLS FIRST, l.promotional, l.id DESC
    LOOP
        EXIT WHEN v_left = 0;
        v_lots := v_lots || v_paid.id;
        v_moved := v_moved || least(v_left, v_paid.amount);
        v_left := v_left - least(v_left, v_paid.amount);
        PERFORM credits_extend_lot(p_account, v_paid.id, v_paid.since, p_now);
    END LOOP;
    IF v_left > 0 THEN
        PERFORM credits_refuse('credits_debt_equals_what_is_owed', 'credits_account', format(
            'account %s: %s more of its debt is gone than was ever paid', p_account, v_left));
    END IF;
    PERFORM credits_book_offset(p_account, v_lots, v_moved, p_now);
END $$;
