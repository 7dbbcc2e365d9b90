-- Writes down what each clawback of a lot covers. What all of them took and are owed; "since" is since when the credits
-- were away that one of them releases.
CREATE OR REPLACE FUNCTION credits_share_out(
    p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean,
    p_now timestamptz, OUT taken numeric, OUT owed numeric, OUT since timestamptz
)
RETURNS record
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH shares AS MATERIALIZED (
        SELECT * FROM credits_clawback_shares(p_account, p_lot, p_takeable, p_held, p_spent, p_closed)
    ), before AS (
        SELECT min(c.taken_since) AS since FROM credits_clawback c JOIN shares s ON s.id = c.id
        WHERE c.account_id = p_account AND s.taken < c.taken
    ), settled AS (
        UPDATE credits_clawback c
            SET taken = s.taken, pending = s.pending, owed = s.owed, waived = c.amount - s.taken - s.pending - s.owed,
                taken_since = CASE WHEN s.taken > 0 THEN coalesce(c.taken_since, p_now) END
            FROM shares s WHERE c.account_id = p_account AND c.id = s.id RETURNING s.taken, s.owed
    )
    SELECT coalesce(sum(t.taken), 0), coalesce(sum(t.owed), 0), (SELECT b.since FROM before b)
        INTO taken, owed, since FROM settled t;
END $$;
