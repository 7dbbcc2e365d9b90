-- Holds. What one sets free, however it ends, is first what clawbacks claim of it, then what pays off a debt, then spendable.

-- Sets credits aside, once per key. A hold without a client is anybody's: those made before clients had holds are repeated by
-- theirs, whose id stands in the key.
-- outcome: done | repeated | conflict | insufficient | closed (the account is) | unknown_account.
DROP FUNCTION credits_open_hold(uuid, numeric, text, interval, text, text, jsonb);
CREATE FUNCTION credits_open_hold(
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

-- Spends what was held, in part or whole. More than is held: the surplus is spent where the balance allows it, else
-- owed where the hold says so, else refused and the hold stays as it is. "p_close" gives back what is left. "balance_after"
-- is that of the entry, "balance" what is there after clawbacks have had what they claim of what became free.
-- outcome: done | repeated | conflict | insufficient | closed | unknown_hold.
DROP FUNCTION credits_capture(uuid, numeric, text, boolean, text, jsonb);
CREATE FUNCTION credits_capture(
    p_hold uuid, p_amount numeric, p_key text, p_close boolean, p_reference text, p_metadata jsonb
) RETURNS TABLE (outcome text, account_id uuid, entry_id bigint, version bigint, balance_after numeric, held numeric,
                 hold_remaining numeric, missing numeric, status text, balance numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_account credits_account;
    v_hold credits_hold;
    v_now timestamptz;
    v_entry credits_entry;
    v_metadata jsonb := p_metadata || jsonb_build_object('hold', p_hold)
        || CASE WHEN p_close THEN '{}' ELSE '{"partial": true}' END::jsonb;
    v_from_hold numeric;
    v_surplus numeric;
    v_picked record;
    v_owed numeric;
    v_lots bigint[];
    v_moved numeric[];
    v_freed numeric := 0;
    v_part numeric;
    v_left numeric;
BEGIN
    SELECT a.* INTO v_account FROM credits_account a
        WHERE a.id = (SELECT h.account_id FROM credits_hold h WHERE h.id = p_hold) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown_hold';
        RETURN NEXT;
        RETURN;
    END IF;
    v_now := clock_timestamp();
    SELECT * INTO v_hold FROM credits_hold h WHERE h.id = p_hold;
    account_id := v_account.id;
    balance_after := v_account.balance;
    balance := v_account.balance;
    held := v_account.held;
    hold_remaining := v_hold.remaining;
    missing := 0;
    status := v_hold.status;

    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = v_account.id AND e.key = p_key;
    IF FOUND THEN
        outcome := CASE WHEN (v_entry.amount, v_entry.kind, v_entry.reference, v_entry.metadata)
                             = (-p_amount, 'spend', coalesce(p_reference, v_hold.reference), v_metadata)
                        THEN 'repeated' ELSE 'conflict' END;
        entry_id := v_entry.id;
        version := v_entry.version;
        balance_after := v_entry.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    IF v_hold.status <> 'open' OR v_hold.expires_at <= v_now THEN
        outcome := 'closed';
        status := CASE WHEN v_hold.status = 'open' THEN 'expired' ELSE v_hold.status END;
        RETURN NEXT;
        RETURN;
    END IF;

    v_from_hold := least(p_amount, v_hold.remaining);
    v_surplus := p_amount - v_from_hold;
    IF v_surplus > 0 AND credits_expire_holds_of(v_account.id, v_now) > 0 THEN
        SELECT * INTO v_account FROM credits_account a WHERE a.id = v_account.id;
        held := v_account.held;
    END IF;
    SELECT * INTO v_picked FROM credits_pick(
        v_account.id, least(v_surplus, greatest(0, v_account.balance - v_account.held)), v_now);
    v_owed := v_surplus - coalesce((SELECT sum(t) FROM unnest(v_picked.taken) t), 0);
    IF v_owed > 0 AND v_hold.overrun <> 'debt' THEN
        outcome := 'insufficient';
        missing := v_owed;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The pinned lots pay in their order; what they pinned and don't pay is freed when the hold closes.
    v_lots := v_picked.lots;
    v_moved := ARRAY(SELECT -t FROM unnest(v_picked.taken) WITH ORDINALITY u (t, place) ORDER BY place);
    v_left := v_from_hold;
    FOR i IN 1 .. cardinality(v_hold.lots) LOOP
        v_part := least(v_hold.pinned[i], v_left);
        v_left := v_left - v_part;
        IF v_part > 0 THEN
            IF v_hold.lots[i] = ANY (v_lots) THEN
                v_moved[array_position(v_lots, v_hold.lots[i])] :=
                    v_moved[array_position(v_lots, v_hold.lots[i])] - v_part;
            ELSE
                v_lots := v_lots || v_hold.lots[i];
                v_moved := v_moved || -v_part;
            END IF;
        END IF;
    END LOOP;

    PERFORM set_config('credits.writer', 'ledger', true);
    v_freed := CASE WHEN p_close THEN v_hold.remaining ELSE v_from_hold END;
    UPDATE credits_account a
        SET balance = a.balance - p_amount, debt = a.debt + v_owed, held = a.held - v_freed, version = a.version + 1
        WHERE a.id = v_account.id
        RETURNING a.balance, a.held, a.version INTO balance_after, held, version;
    -- First let go, then take: a lot never has less left than is pinned.
    v_left := v_freed;
    FOR i IN 1 .. cardinality(v_hold.lots) LOOP
        v_part := least(v_hold.pinned[i], v_left);
        v_left := v_left - v_part;
        UPDATE credits_lot l SET held = l.held - v_part WHERE l.id = v_hold.lots[i] AND v_part > 0;
        v_hold.pinned[i] := v_hold.pinned[i] - v_part;
    END LOOP;
    UPDATE credits_lot l SET remaining = l.remaining + t.moved, exhausted = (l.remaining + t.moved = 0)
        FROM unnest(v_lots, v_moved) AS t (id, moved) WHERE l.id = t.id;
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(v_account.id, version, 'spend', -p_amount, balance_after, v_owed, v_lots, v_moved,
                               p_key, coalesce(p_reference, v_hold.reference), v_metadata, v_now);
    UPDATE credits_hold h
        SET remaining = h.remaining - v_freed, captured = h.captured + p_amount, pinned = v_hold.pinned,
            status = CASE WHEN p_close THEN 'captured' ELSE 'open' END,
            closed_at = CASE WHEN p_close THEN v_now END
        WHERE h.id = p_hold
        RETURNING h.remaining, h.status INTO hold_remaining, status;
    PERFORM credits_claim_freed(v_account.id, v_hold.lots, v_now);
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = v_account.id;
    outcome := 'done';
    RETURN NEXT;
END $$;

-- Gives back what a hold still holds. With "p_overdue" only when its time has passed, and it ends as expired.
-- outcome: done | repeated (nothing was held any more) | closed (it was captured) | not_due | unknown_hold.
CREATE OR REPLACE FUNCTION credits_release(p_hold uuid, p_overdue boolean)
RETURNS TABLE (outcome text, account_id uuid, released numeric, balance numeric, held numeric, status text)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_hold credits_hold;
    v_now timestamptz;
BEGIN
    SELECT a.id, a.balance, a.held INTO account_id, balance, held FROM credits_account a
        WHERE a.id = (SELECT h.account_id FROM credits_hold h WHERE h.id = p_hold) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown_hold';
        RETURN NEXT;
        RETURN;
    END IF;
    v_now := clock_timestamp();
    SELECT * INTO v_hold FROM credits_hold h WHERE h.id = p_hold;
    released := 0;
    status := v_hold.status;
    IF status <> 'open' THEN
        outcome := CASE WHEN status = 'captured' THEN 'closed' ELSE 'repeated' END;
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_overdue AND v_hold.expires_at > v_now THEN
        outcome := 'not_due';
        RETURN NEXT;
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET held = a.held - v_hold.remaining WHERE a.id = account_id RETURNING a.held INTO held;
    PERFORM credits_pin_lots(v_hold.lots, ARRAY(
        SELECT -t FROM unnest(v_hold.pinned) WITH ORDINALITY u (t, place) ORDER BY place));
    PERFORM set_config('credits.writer', '', true);
    released := v_hold.remaining;
    UPDATE credits_hold h
        SET remaining = 0, pinned = array_fill(0::numeric, ARRAY[cardinality(h.pinned)]), closed_at = v_now,
            status = CASE WHEN h.expires_at <= v_now THEN 'expired' ELSE 'released' END
        WHERE h.id = p_hold RETURNING h.status INTO status;
    PERFORM credits_claim_freed(account_id, v_hold.lots, v_now);
    SELECT a.balance, a.held INTO balance, held FROM credits_account a WHERE a.id = account_id;
    outcome := 'done';
    RETURN NEXT;
END $$;
