-- An entry's seal: SHA-256 over the seal of the account's entry before it and everything the entry says, but for
-- reference and metadata. Each value has one spelling: amounts with six places, time as seconds since 1970. In SQL
-- and STABLE (as concat_ws is): so it becomes part of the expression that calls it.
CREATE OR REPLACE FUNCTION credits_entry_hash(
    p_previous bytea, p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after
    numeric, p_owed numeric, p_lots bigint[], p_moved numeric[], p_created_at timestamptz, p_key text
)
RETURNS bytea
LANGUAGE sql
STABLE PARALLEL SAFE
AS $$
    SELECT sha256(coalesce(p_previous, ''::bytea) || convert_to(concat_ws(
        '|', p_account, p_version, p_kind, p_amount::numeric(24, 6), p_balance_after::numeric(24, 6),
        p_owed::numeric(24, 6), p_lots, p_moved::numeric(24, 6)[], extract(epoch FROM p_created_at), p_key
    ), 'UTF8'))
$$;
