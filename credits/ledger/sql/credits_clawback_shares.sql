-- What each clawback of a lot covers, where so much of the line can be taken, is held, and was spent.
CREATE OR REPLACE FUNCTION credits_clawback_shares(
    p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean
)
RETURNS TABLE (id uuid, taken numeric, pending numeric, owed numeric)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.id,
               credits_overlap(c.start, c.stop, 0, p_takeable),
               credits_overlap(c.start, c.stop, p_takeable, p_takeable + p_held),
               CASE WHEN c.policy = 'debt' AND NOT p_closed
                    THEN credits_overlap(c.start, c.stop, p_takeable + p_held, p_takeable + p_held + p_spent)
                    ELSE 0 END
        FROM (
            SELECT c.id, c.policy, sum(c.amount) OVER line - c.amount AS start, sum(c.amount) OVER line AS stop
            FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot
            WINDOW line AS (ORDER BY c.position, c.id)
        ) c;
END $$;
