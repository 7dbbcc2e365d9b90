-- What two stretches of the line have in common.
CREATE OR REPLACE FUNCTION credits_overlap(p_start numeric, p_stop numeric, p_low numeric, p_high numeric)
RETURNS numeric
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT greatest(0, least(p_stop, p_high) - greatest(p_start, p_low))
$$;
