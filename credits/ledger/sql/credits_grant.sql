-- Puts credits into an account as one new lot, once per key; what is owed is paid off with them at once.
-- outcome: done | repeated | conflict (the key stands for something else) | closed (the account takes nothing in)
-- | unknown_account.
CREATE OR REPLACE FUNCTION credits_grant(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamptz,
    OUT outcome text, OUT entry_id bigint, OUT lot_id bigint, OUT balance_after numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_account record;
    v_now timestamptz;
BEGIN
    SELECT a.version, a.debt, a.closed_at INTO v_account
        FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown_account';
        RETURN;
    END IF;
    v_now := clock_timestamp();

    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (p_amount, p_kind, p_reference, p_metadata - 'trace')
                     AND (l.promotional, l.currency) = (p_promotional, p_currency)
                     AND l.cost_minor IS NOT DISTINCT FROM p_cost_minor
                     AND l.expires_at - l.extended_by IS NOT DISTINCT FROM p_expires_at
                THEN 'repeated' ELSE 'conflict' END, e.id, l.id, e.balance_after
        INTO outcome, entry_id, lot_id, balance_after
        FROM credits_entry e
        LEFT JOIN credits_lot l ON l.account_id = p_account AND l.id = e.lots[1]
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND OR v_account.closed_at IS NOT NULL THEN
        outcome := coalesce(outcome, 'closed');
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance INTO balance_after;
    lot_id := credits_add_lot(p_account, p_amount, p_promotional, p_cost_minor, NULL, p_currency, NULL, NULL,
                              p_expires_at, p_reference, v_now);
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_account.version + 1, p_kind, p_amount, balance_after, 0, ARRAY[lot_id],
                               ARRAY[p_amount], p_key, p_reference, p_metadata, v_now);
    IF v_account.debt > 0 THEN
        PERFORM credits_offset_debt(p_account, v_now);
    END IF;
    outcome := 'done';
END $$;
