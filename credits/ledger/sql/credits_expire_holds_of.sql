-- Ends an account's holds that were overdue at a time; how many there were.
CREATE OR REPLACE FUNCTION credits_expire_holds_of(p_account uuid, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_count bigint;
BEGIN
    SELECT count(*) FILTER (WHERE r.outcome = 'done') INTO v_count
        FROM (SELECT h.id FROM credits_hold h
              WHERE h.account_id = p_account AND h.status = 'open' AND h.expires_at <= p_now) overdue,
             LATERAL credits_release(p_account, overdue.id, true) r;
    RETURN v_count;
END $$;
