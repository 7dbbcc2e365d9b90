-- Why nothing can be given from one account to the other, whatever it is; null where it can.
CREATE OR REPLACE FUNCTION credits_transfer_refused(p_from uuid, p_to uuid)
RETURNS text
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN CASE
        WHEN p_from = p_to THEN 'same_account'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_to) THEN 'unknown_receiver'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_from) THEN 'unknown_account'
        WHEN (SELECT a.closed_at FROM credits_account a WHERE a.id = p_to) IS NOT NULL THEN 'closed_receiver'
    END;
END $$;
