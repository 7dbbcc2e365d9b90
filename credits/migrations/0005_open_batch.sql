-- How a locked account stands at the beginning of a batch: the seal of its last entry, the lots that can pay in their
-- order with what is free of each, and how much can be spent.
CREATE OR REPLACE FUNCTION credits_open_batch(
    p_account uuid, p_now timestamptz, OUT version bigint, OUT balance numeric, OUT held numeric, OUT hash bytea,
    OUT lots bigint[], OUT free numeric[], OUT can numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    SELECT a.version, a.balance, a.held, l.lots, l.free, least(l.can, a.balance - a.held),
           (SELECT e.hash FROM credits_entry e WHERE e.account_id = p_account AND e.version = a.version)
        INTO version, balance, held, lots, free, can, hash
        FROM credits_account a
        CROSS JOIN LATERAL (
            SELECT array_agg(o.id) AS lots, array_agg(o.free) AS free, coalesce(sum(o.free), 0) AS can
            FROM (SELECT x.id, x.remaining - x.held AS free FROM credits_lot x
                  WHERE x.account_id = p_account AND NOT x.exhausted AND x.remaining > x.held
                        AND (x.expires_at IS NULL OR x.expires_at > p_now)
                  ORDER BY x.expires_at, x.promotional DESC, x.id) o
        ) l
        WHERE a.id = p_account;
END $$;
