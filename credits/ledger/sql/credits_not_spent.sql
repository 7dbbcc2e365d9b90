-- Handles a spend that can't simply be done: undoes its first step, and says whether it was done before or
-- what is missing. Overdue holds are released first: then it is tried again.
CREATE OR REPLACE FUNCTION credits_not_spent(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb, p_enough boolean,
    p_now timestamptz, OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric,
    OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    IF p_enough THEN
        UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version - 1 WHERE a.id = p_account;
    END IF;
    PERFORM set_config('credits.writer', '', true);
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, p_kind, p_reference, p_metadata - 'trace')
                THEN 'repeated' ELSE 'conflict' END, e.id, e.version, e.balance_after, a.held, 0
        INTO outcome, entry_id, version, balance_after, held, missing
        FROM credits_entry e JOIN credits_account a ON a.id = p_account
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;

    -- What overdue holds keep is nobody's any more, whether their job has run or not. That may have waited for another
    -- writer, and nothing may be locked: what was missing can have come in meanwhile.
    missing := 0;
    IF credits_expire_holds_of(p_account, p_now) = 0 THEN
        SELECT r.outcome, r.version, r.balance_after, r.held, r.missing
            INTO outcome, version, balance_after, held, missing FROM credits_refusal(p_account, p_amount, p_now) r;
    END IF;
    IF missing <= 0 THEN
        SELECT * INTO outcome, entry_id, version, balance_after, held, missing
            FROM credits_spend(p_account, p_amount, p_kind, p_key, p_reference, p_metadata);
    END IF;
END $$;
