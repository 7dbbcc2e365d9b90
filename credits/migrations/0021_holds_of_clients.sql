-- Sets credits aside, once per key. A hold without a client is anybody's: those made before clients had holds are repeated
-- by theirs, whose id stands in the key.
-- outcome: done | repeated | conflict | insufficient | closed (the account is) | unknown_account.
CREATE OR REPLACE FUNCTION credits_open_hold(
    p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text,
    p_metadata jsonb, p_client uuid
) RETURNS TABLE (outcome text, hold_id uuid, amount numeric, expires_at timestamptz, balance numeric, held numeric,
                 missing numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_account credits_account;
    v_hold credits_hold;
    v_picked record;
    v_now timestamptz;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT * INTO v_hold FROM credits_hold h WHERE h.account_id = p_account AND h.key = p_key;
    IF FOUND THEN
        RETURN QUERY SELECT
            CASE WHEN (v_hold.amount, v_hold.expires_in, v_hold.overrun, v_hold.reference, v_hold.metadata)
                      = (p_amount, p_expires_in, p_overrun, p_reference, p_metadata)
                      AND (v_hold.client IS NULL OR v_hold.client IS NOT DISTINCT FROM p_client)
                 THEN 'repeated' ELSE 'conflict' END,
            v_hold.id, v_hold.amount, v_hold.expires_at, v_account.balance, v_account.held, 0::numeric;
        RETURN;
    END IF;
    IF v_account.closed_at IS NOT NULL THEN
        outcome := 'closed';
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick(p_account, p_amount, v_now);
    IF v_account.id IS NULL OR v_picked.missing > 0 OR v_account.balance - v_account.held < p_amount THEN
        IF credits_expire_holds_of(p_account, v_now) > 0 THEN
            RETURN QUERY SELECT * FROM credits_open_hold(
                p_account, p_amount, p_key, p_expires_in, p_overrun, p_reference, p_metadata, p_client);
        ELSE
            RETURN QUERY SELECT r.outcome, NULL::uuid, NULL::numeric, NULL::timestamptz, r.balance_after, r.held,
                                r.missing
                         FROM credits_refusal(p_account, p_amount, v_now) r;
        END IF;
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET held = a.held + p_amount WHERE a.id = p_account;
    PERFORM credits_pin_lots(v_picked.lots, v_picked.taken);
    PERFORM set_config('credits.writer', '', true);
    INSERT INTO credits_hold (id, account_id, key, amount, remaining, overrun, lots, pinned, client, expires_in,
                              expires_at, reference, metadata, created_at)
        VALUES (gen_random_uuid(), p_account, p_key, p_amount, p_amount, p_overrun, v_picked.lots, v_picked.taken,
                p_client, p_expires_in, v_now + p_expires_in, p_reference, p_metadata, v_now)
        RETURNING * INTO v_hold;
    RETURN QUERY SELECT 'done', v_hold.id, v_hold.amount, v_hold.expires_at, v_account.balance,
                        v_account.held + p_amount, 0::numeric;
END $$;
