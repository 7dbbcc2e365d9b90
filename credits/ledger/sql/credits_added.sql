-- The sums of two arrays of one length, place by place.
CREATE OR REPLACE FUNCTION credits_added(p_amounts numeric[], p_others numeric[])
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE STRICT
AS $$
DECLARE
    v_sums numeric[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(p_amounts) LOOP
        v_sums := v_sums || (p_amounts[i] + p_others[i]);
    END LOOP;
    RETURN v_sums;
END $$;
