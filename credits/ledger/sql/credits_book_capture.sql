-- Books a capture that can be done: what was picked for its surplus, then the hold's lots pay in their order. What they
-- pinned and don't pay becomes free where the hold closes.
CREATE OR REPLACE FUNCTION credits_book_capture(
    p_account uuid, p_hold uuid, p_amount numeric, p_owed numeric, p_picked bigint[], p_taken numeric[],
    p_close boolean, p_key text, p_reference text, p_metadata jsonb, p_now timestamptz, OUT entry_id bigint,
    OUT version bigint, OUT balance_after numeric, OUT held numeric, OUT hold_remaining numeric, OUT status text,
    OUT balance numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_hold record;
    v_freed numeric;
    v_unpinned numeric[];
    v_lots bigint[];
    v_moved numeric[];
BEGIN
    SELECT h.lots, h.pinned, h.remaining INTO v_hold
        FROM credits_hold h WHERE h.account_id = p_account AND h.id = p_hold;
    v_freed := CASE WHEN p_close THEN v_hold.remaining ELSE least(p_amount, v_hold.remaining) END;
    v_unpinned := credits_negated(credits_parts(v_hold.pinned, v_freed));
    SELECT c.lots, c.moved INTO v_lots, v_moved FROM credits_captured(
        p_picked, p_taken, v_hold.lots, credits_parts(v_hold.pinned, least(p_amount, v_hold.remaining))) c;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance - p_amount, debt = a.debt + p_owed, held = a.held - v_freed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance, a.version INTO balance_after, version;
    -- First let go, then take: a lot never has less left than is pinned.
    PERFORM credits_pin_lots(p_account, v_hold.lots, v_unpinned);
    PERFORM credits_add_to_lots(p_account, v_lots, v_moved);
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, version, 'spend', -p_amount, balance_after, p_owed, v_lots, v_moved, p_key,
                               p_reference, p_metadata, p_now);
    UPDATE credits_hold h
        SET remaining = h.remaining - v_freed, captured = h.captured + p_amount,
            pinned = credits_added(h.pinned, v_unpinned),
            status = CASE WHEN p_close THEN 'captured' ELSE 'open' END, closed_at = CASE WHEN p_close THEN p_now END
        WHERE h.account_id = p_account AND h.id = p_hold
        RETURNING h.remaining, h.status INTO hold_remaining, status;
    PERFORM credits_claim_freed(p_account, v_hold.lots, p_now);
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = p_account;
END $$;
