-- Spends what was held, in part or whole. More than is held: the surplus is spent where the balance allows it, else
-- owed where the hold says so, else refused and the hold stays as it is. "p_close" releases what is left.
-- "balance_after" is that of the entry, "balance" what is there after clawbacks have had what they claim of what became
-- free. outcome: done | repeated | conflict | insufficient | closed | unknown_hold.
CREATE OR REPLACE FUNCTION credits_capture(
    p_account uuid, p_hold uuid, p_amount numeric, p_key text, p_close boolean, p_reference text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric, OUT held numeric,
    OUT hold_remaining numeric, OUT missing numeric, OUT status text, OUT balance numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('hold', p_hold)
        || CASE WHEN p_close THEN '{}' ELSE '{"partial": true}' END::jsonb;
    v_reference text;
    v_overrun text;
    v_surplus record;
    v_now timestamptz;
BEGIN
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT CASE WHEN h.status = 'open' AND h.expires_at <= v_now THEN 'expired' ELSE h.status END, h.remaining,
           coalesce(p_reference, h.reference), h.overrun, 0
        INTO status, hold_remaining, v_reference, v_overrun, missing
        FROM credits_hold h WHERE h.account_id = p_account AND h.id = p_hold;
    IF NOT FOUND THEN
        outcome := 'unknown_hold';
        RETURN;
    END IF;
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, 'spend', v_reference, v_metadata - 'trace')
                THEN 'repeated' ELSE 'conflict' END, e.id, e.version, e.balance_after
        INTO outcome, entry_id, version, balance_after
        FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND OR status <> 'open' THEN
        outcome := coalesce(outcome, 'closed');
        RETURN;
    END IF;

    SELECT * INTO v_surplus FROM credits_pick_surplus(p_account, greatest(0, p_amount - hold_remaining), v_now);
    IF v_surplus.owed > 0 AND v_overrun <> 'debt' THEN
        outcome := 'insufficient';
        missing := v_surplus.owed;
        SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = p_account;
        RETURN;
    END IF;
    SELECT * INTO entry_id, version, balance_after, held, hold_remaining, status, balance FROM credits_book_capture(
        p_account, p_hold, p_amount, v_surplus.owed, v_surplus.lots, v_surplus.taken, p_close, p_key, v_reference,
        v_metadata, v_now);
    outcome := 'done';
END $$;
