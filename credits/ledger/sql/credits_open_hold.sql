-- Sets credits aside, once per key. A hold without a client is anybody's: those made before clients had holds are
-- repeated by theirs, whose id stands in the key. "balance" and "held" are the account's.
-- outcome: done | repeated | conflict | insufficient | closed (the account is) | unknown_account.
CREATE OR REPLACE FUNCTION credits_open_hold(
    p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text,
    p_metadata jsonb, p_client uuid, OUT outcome text, OUT hold_id uuid, OUT expires_at timestamptz,
    OUT balance numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_closed_at timestamptz;
    v_picked record;
    v_now timestamptz;
BEGIN
    SELECT a.balance, a.held, a.closed_at INTO balance, held, v_closed_at
        FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    missing := 0;
    SELECT CASE WHEN (h.amount, h.expires_in, h.overrun, h.reference, h.metadata)
                     = (p_amount, p_expires_in, p_overrun, p_reference, p_metadata)
                     AND (h.client IS NULL OR h.client IS NOT DISTINCT FROM p_client)
                THEN 'repeated' ELSE 'conflict' END, h.id, h.expires_at
        INTO outcome, hold_id, expires_at FROM credits_hold h WHERE h.account_id = p_account AND h.key = p_key;
    IF FOUND OR v_closed_at IS NOT NULL THEN
        outcome := coalesce(outcome, 'closed');
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick(p_account, p_amount, v_now);
    IF balance IS NULL OR v_picked.missing > 0 OR balance - held < p_amount THEN
        SELECT * INTO outcome, hold_id, expires_at, balance, held, missing FROM credits_not_held(
            p_account, p_amount, p_key, p_expires_in, p_overrun, p_reference, p_metadata, p_client, v_now);
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET held = a.held + p_amount WHERE a.id = p_account RETURNING a.held INTO held;
    PERFORM credits_pin_lots(p_account, v_picked.lots, v_picked.taken);
    PERFORM set_config('credits.writer', '', true);
    INSERT INTO credits_hold (id, account_id, key, amount, remaining, overrun, lots, pinned, client, expires_in,
                              expires_at, reference, metadata, created_at)
        VALUES (gen_random_uuid(), p_account, p_key, p_amount, p_amount, p_overrun, v_picked.lots, v_picked.taken,
                p_client, p_expires_in, v_now + p_expires_in, p_reference, p_metadata, v_now)
        RETURNING id, credits_hold.expires_at INTO hold_id, expires_at;
    outcome := 'done';
END $$;
