-- The kinds of entries that a new lot comes in with.
CREATE OR REPLACE FUNCTION credits_brings_in(p_kind text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_kind IN ('purchase', 'promotion', 'gift_received', 'adjustment')
$$;
