-- Handles a hold that the account can't cover: overdue holds are released first, and then it is tried again; else it
-- is refused.
CREATE OR REPLACE FUNCTION credits_not_held(
    p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text,
    p_metadata jsonb, p_client uuid, p_now timestamptz, OUT outcome text, OUT hold_id uuid,
    OUT expires_at timestamptz, OUT balance numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
BEGIN
    IF credits_expire_holds_of(p_account, p_now) > 0 THEN
        SELECT * INTO outcome, hold_id, expires_at, balance, held, missing FROM credits_open_hold(
            p_account, p_amount, p_key, p_expires_in, p_overrun, p_reference, p_metadata, p_client);
    ELSE
        SELECT r.outcome, r.balance_after, r.held, r.missing INTO outcome, balance, held, missing
            FROM credits_refusal(p_account, p_amount, p_now) r;
    END IF;
END $$;
