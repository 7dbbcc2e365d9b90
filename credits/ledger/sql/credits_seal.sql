-- Checks a new entry against its account, its lots and the entry before it; gives its seal.
CREATE OR REPLACE FUNCTION credits_seal(
    p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric,
    p_lots bigint[], p_moved numeric[], p_created_at timestamptz, p_key text
)
RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
    v_version bigint;
    v_balance numeric;
    v_debt numeric;
    v_left numeric;
    v_before numeric;
    v_hash bytea;
BEGIN
    SELECT a.version, a.balance, a.debt, e.balance_after, e.hash,
           (SELECT coalesce(sum(l.remaining), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_version, v_balance, v_debt, v_before, v_hash, v_left
        FROM credits_account a
        LEFT JOIN credits_entry e ON e.account_id = p_account AND e.version = p_version - 1
        WHERE a.id = p_account;
    IF v_version IS DISTINCT FROM p_version OR v_balance <> p_balance_after THEN
        PERFORM credits_refuse('credits_balance_equals_entries', 'credits_entry', format(
            'account %s has %s at version %s, its new entry says %s at %s',
            p_account, v_balance, v_version, p_balance_after, p_version));
    END IF;
    IF (v_before IS NULL AND p_version <> 1) OR p_balance_after <> coalesce(v_before, 0) + p_amount THEN
        PERFORM credits_refuse('credits_entry_continues_the_balance', 'credits_entry', format(
            'account %s: version %s with %s does not go on from the entry before it',
            p_account, p_version, p_balance_after));
    END IF;
    IF v_balance + v_debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_balance, v_debt, v_left);
    END IF;
    PERFORM credits_verify_movements(p_account, p_amount, p_owed, p_lots, p_moved);
    RETURN credits_entry_hash(v_hash, p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved,
                              p_created_at, p_key);
END $$;
