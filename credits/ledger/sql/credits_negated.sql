-- The amounts with their signs turned.
CREATE OR REPLACE FUNCTION credits_negated(p_amounts numeric[])
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE STRICT
AS $$
DECLARE
    v_negated numeric[] := '{}';
    v_amount numeric;
BEGIN
    FOREACH v_amount IN ARRAY p_amounts LOOP
        v_negated := v_negated || -v_amount;
    END LOOP;
    RETURN v_negated;
END $$;
