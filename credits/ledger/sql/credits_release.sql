-- Releases what a hold still holds. With "p_overdue" only when its time has passed, and it ends as expired.
-- outcome: done | repeated (nothing was held any more) | closed (it was captured) | not_due | unknown_hold.
CREATE OR REPLACE FUNCTION credits_release(
    p_account uuid, p_hold uuid, p_overdue boolean,
    OUT outcome text, OUT released numeric, OUT balance numeric, OUT held numeric, OUT status text
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_hold record;
    v_now timestamptz;
BEGIN
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT h.status, h.remaining, h.lots, h.pinned, h.expires_at INTO v_hold
        FROM credits_hold h WHERE h.account_id = p_account AND h.id = p_hold;
    released := 0;
    status := v_hold.status;
    outcome := CASE
        WHEN status IS NULL THEN 'unknown_hold'
        WHEN status = 'captured' THEN 'closed'
        WHEN status <> 'open' THEN 'repeated'
        WHEN p_overdue AND v_hold.expires_at > v_now THEN 'not_due'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET held = a.held - v_hold.remaining WHERE a.id = p_account;
    PERFORM credits_pin_lots(p_account, v_hold.lots, credits_negated(v_hold.pinned));
    PERFORM set_config('credits.writer', '', true);
    released := v_hold.remaining;
    UPDATE credits_hold h
        SET remaining = 0, pinned = array_fill(0::numeric, ARRAY[cardinality(h.pinned)]), closed_at = v_now,
            status = CASE WHEN h.expires_at <= v_now THEN 'expired' ELSE 'released' END
        WHERE h.account_id = p_account AND h.id = p_hold RETURNING h.status INTO status;
    PERFORM credits_claim_freed(p_account, v_hold.lots, v_now);
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = p_account;
END $$;
