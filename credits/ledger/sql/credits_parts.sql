-- How much of each of these amounts, one after the other, makes up an amount.
CREATE OR REPLACE FUNCTION credits_parts(p_amounts numeric[], p_amount numeric)
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_parts numeric[] := '{}';
    v_left numeric := p_amount;
    v_amount numeric;
BEGIN
    FOREACH v_amount IN ARRAY p_amounts LOOP
        v_parts := v_parts || least(v_amount, v_left);
        v_left := v_left - least(v_amount, v_left);
    END LOOP;
    RETURN v_parts;
END $$;
