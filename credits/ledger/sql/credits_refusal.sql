-- Why an amount can't be had from an account.
CREATE OR REPLACE FUNCTION credits_refusal(
    p_account uuid, p_amount numeric, p_now timestamptz,
    OUT outcome text, OUT version bigint, OUT balance_after numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    SELECT 'insufficient', a.version, a.balance, a.held,
           p_amount - least(a.balance - a.held, (
               SELECT coalesce(sum(l.remaining - l.held), 0) FROM credits_lot l
               WHERE l.account_id = p_account AND NOT l.exhausted AND (l.expires_at IS NULL OR l.expires_at > p_now)
           ))
        INTO outcome, version, balance_after, held, missing
        FROM credits_account a WHERE a.id = p_account;
    IF NOT FOUND THEN
        outcome := 'unknown_account';
    END IF;
END $$;
