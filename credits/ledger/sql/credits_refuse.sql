-- Refuses what was written, by the name of the rule that it breaks.
CREATE OR REPLACE FUNCTION credits_refuse(p_constraint text, p_table text, p_message text)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = p_constraint, TABLE = p_table, MESSAGE = p_message;
END $$;
