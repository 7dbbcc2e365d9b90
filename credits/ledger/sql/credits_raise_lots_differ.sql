-- Refuses an account whose lots come to another sum.
CREATE OR REPLACE FUNCTION credits_raise_lots_differ(
    p_account uuid, p_balance numeric, p_debt numeric, p_left numeric
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM credits_refuse('credits_balance_equals_lots', 'credits_account', format(
        'account %s: its balance %s is not what its lots have left (%s) less its debt (%s)',
        p_account, p_balance, p_left, p_debt));
END $$;
