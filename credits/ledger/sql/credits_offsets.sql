-- What each lot of an account has paid off, and since when. Before there were entries of their own for it, a lot that
-- came in lacked from the beginning what it had paid off.
CREATE OR REPLACE FUNCTION credits_offsets(p_account uuid)
RETURNS TABLE (lot bigint, amount numeric, since timestamptz)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT m.lot,
               sum(CASE WHEN e.kind = 'offset' THEN -m.amount ELSE l.amount - m.amount END), max(e.created_at)
        FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
        JOIN credits_lot l ON l.account_id = p_account AND l.id = m.lot
        WHERE e.account_id = p_account AND e.kind <> 'spend' AND e.owed <> 0
              AND (e.kind = 'offset' OR l.created_at = e.created_at AND credits_brings_in(e.kind))
        GROUP BY m.lot;
END $$;
