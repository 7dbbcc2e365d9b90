-- Adds to what lots have left; what is below zero is taken.
CREATE OR REPLACE FUNCTION credits_add_to_lots(p_account uuid, p_lots bigint[], p_moved numeric[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE credits_lot l SET remaining = l.remaining + t.moved, exhausted = (l.remaining + t.moved = 0)
        FROM unnest(p_lots, p_moved) AS t (id, moved)
        WHERE l.account_id = p_account AND l.id = t.id AND t.moved <> 0;
END $$;
