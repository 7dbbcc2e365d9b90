-- Books what paid off a debt, or with amounts above zero what no longer does.
CREATE OR REPLACE FUNCTION credits_book_offset(
    p_account uuid, p_lots bigint[], p_moved numeric[], p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_owed numeric := credits_total(p_moved);
    v_version bigint;
    v_balance numeric;
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET debt = a.debt + v_owed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
    PERFORM credits_add_to_lots(p_account, p_lots, p_moved);
    PERFORM set_config('credits.writer', '', true);
    PERFORM credits_append(p_account, v_version, 'offset', 0, v_balance, v_owed, p_lots, p_moved,
                           'offset:' || v_version, '', '{}', p_now);
END $$;
