-- Appends an entry whose account and lots are written.
CREATE OR REPLACE FUNCTION credits_append(
    p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric,
    p_lots bigint[], p_moved numeric[], p_key text, p_reference text, p_metadata jsonb, p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, owed, lots, moved, key, reference,
                               metadata, created_at, hash)
        VALUES (p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved, p_key, p_reference,
                p_metadata, p_now, '')
        RETURNING id INTO v_id;
    RETURN v_id;
END $$;
