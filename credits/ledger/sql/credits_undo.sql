-- Undoes an adjustment as itself, once per key. What it gave is taken from its own lot first, then in the order of
-- spending; what it took goes back to the very lots. "p_amount" is what credits_undo_amount said. outcome: done |
-- repeated | conflict | changed (it would be another amount now) | insufficient | closed | unknown_entry.
CREATE OR REPLACE FUNCTION credits_undo(
    p_account uuid, p_entry bigint, p_amount numeric, p_key text, p_reference text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('undoes', p_entry);
    v_closed_at timestamptz;
    v_entry record;
    v_now timestamptz;
BEGIN
    SELECT a.closed_at INTO v_closed_at FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    missing := 0;
    SELECT e.id, e.balance_after,
           CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (p_amount, 'adjustment', p_reference, v_metadata - 'trace')
                THEN 'repeated' ELSE 'conflict' END
        INTO entry_id, balance_after, outcome FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM credits_expire_holds_of(p_account, v_now);
    PERFORM credits_expire_lots_of(p_account);
    SELECT e.id, e.lots, e.moved, e.created_at INTO v_entry
        FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    balance_after := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
    outcome := CASE
        WHEN v_entry.id IS NULL THEN 'unknown_entry'
        WHEN v_closed_at IS NOT NULL THEN 'closed'
        WHEN credits_undo_amount(p_account, p_entry) <> p_amount OR p_amount = 0 THEN 'changed'
        ELSE 'done'
    END;
    IF outcome = 'done' AND p_amount > 0 THEN
        SELECT * INTO entry_id, balance_after FROM credits_give_back(
            p_account, v_entry.lots, v_entry.moved, v_entry.created_at, p_key, p_reference, v_metadata, v_now);
    ELSIF outcome = 'done' THEN
        SELECT * INTO outcome, entry_id, balance_after, missing FROM credits_take_back(
            p_account, v_entry.lots[1], -p_amount, balance_after, p_key, p_reference, v_metadata, v_now);
    END IF;
END $$;
