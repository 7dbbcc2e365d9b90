-- The sum of an array. In CHECK constraints, where a subquery can't stand. Not in SQL: each statement would look
-- whether it can be inlined.
CREATE OR REPLACE FUNCTION credits_total(p_amounts numeric[])
RETURNS numeric
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE STRICT
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(amount), 0) FROM unnest(p_amounts) AS amount);
END $$;
