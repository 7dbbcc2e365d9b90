-- The same where a statement is planned once and run often: in SQL it becomes part of it, and nearly every entry
-- moves one lot.
CREATE OR REPLACE FUNCTION credits_moved(p_moved numeric[])
RETURNS numeric
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN cardinality(p_moved) = 1 THEN p_moved[1] ELSE credits_total(p_moved) END
$$;
