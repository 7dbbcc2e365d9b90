-- Books what a lot's clawbacks changed. What isn't free paid off a debt: that is undone first. Where less is owed
-- than was paid off meanwhile, what paid for it comes back to its own lots.
CREATE OR REPLACE FUNCTION credits_book_clawback(
    p_account uuid, p_lot bigint, p_taken numeric, p_owed numeric, p_free numeric, p_since timestamptz, p_kind
    text, p_metadata jsonb, p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_account record;
BEGIN
    IF p_taken = 0 AND p_owed = 0 THEN
        RETURN NULL;
    END IF;
    IF p_taken > p_free THEN
        PERFORM credits_book_offset(p_account, ARRAY[p_lot], ARRAY[p_taken - p_free], p_now);
    END IF;
    SELECT a.debt INTO v_account FROM credits_account a WHERE a.id = p_account;
    IF -p_owed > v_account.debt THEN
        PERFORM credits_undo_offset(p_account, -p_owed - v_account.debt, p_now);
    END IF;
    IF p_taken < 0 THEN
        PERFORM credits_expire_lots_of(p_account);
        PERFORM credits_extend_lot(p_account, p_lot, p_since, p_now);
    END IF;
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance - p_taken - p_owed, debt = a.debt + p_owed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_account;
    PERFORM credits_add_to_lots(p_account, ARRAY[p_lot], ARRAY[-p_taken]);
    PERFORM set_config('credits.writer', '', true);
    RETURN credits_append(
        p_account, v_account.version, p_kind, -p_taken - p_owed, v_account.balance, p_owed, ARRAY[p_lot],
        ARRAY[-p_taken], format('clawback:%s:%s', p_lot, v_account.version),
        (SELECT l.reference FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot),
        p_metadata || jsonb_build_object('lot', p_lot), p_now);
END $$;
