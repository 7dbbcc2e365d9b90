-- Puts credits into an account as one new lot, once per key. What is owed is repaid from it first. No row: no such
-- account. "same" is false when the key stands for a grant with other arguments.
CREATE FUNCTION credits_grant(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamptz
) RETURNS TABLE (entry_id bigint, lot_id bigint, balance_after numeric, repeated boolean, same boolean)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
    v_repaid numeric;
    v_now timestamptz;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    v_now := clock_timestamp();

    RETURN QUERY
        SELECT e.id, l.id, e.balance_after, true,
               (e.amount, e.kind, e.reference, e.metadata) = (p_amount, p_kind, p_reference, p_metadata)
               AND (l.promotional, l.currency) = (p_promotional, p_currency)
               AND l.cost_minor IS NOT DISTINCT FROM p_cost_minor
               AND l.expires_at IS NOT DISTINCT FROM p_expires_at
        FROM credits_entry e
        LEFT JOIN credits_lot l ON l.id = e.lots[1]
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;

    v_repaid := least(v_account.debt, p_amount);
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance + p_amount, debt = a.debt - v_repaid, version = a.version + 1
        WHERE a.id = p_account
        RETURNING a.balance INTO balance_after;
    INSERT INTO credits_lot (account_id, amount, remaining, exhausted, promotional, cost_minor, currency, expires_at,
                             reference, created_at)
        VALUES (p_account, p_amount, p_amount - v_repaid, p_amount = v_repaid, p_promotional, p_cost_minor,
                p_currency, p_expires_at, p_reference, v_now)
        RETURNING id INTO lot_id;
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_account.version + 1, p_kind, p_amount, balance_after, -v_repaid,
                               ARRAY[lot_id], ARRAY[p_amount - v_repaid], p_key, p_reference, p_metadata, v_now);
    repeated := false;
    same := true;
    RETURN NEXT;
END $$;

-- Sets credits aside, once per key. outcome: done | repeated | conflict | insufficient | unknown_account.
CREATE FUNCTION credits_open_hold(
    p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text,
    p_metadata jsonb
) RETURNS TABLE (outcome text, hold_id uuid, amount numeric, expires_at timestamptz, balance numeric, held numeric,
                 missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
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
                 THEN 'repeated' ELSE 'conflict' END,
            v_hold.id, v_hold.amount, v_hold.expires_at, v_account.balance, v_account.held, 0::numeric;
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick(p_account, p_amount, v_now);
    IF v_account.id IS NULL OR v_picked.missing > 0 OR v_account.balance - v_account.held < p_amount THEN
        IF credits_expire_holds_of(p_account, v_now) > 0 THEN
            RETURN QUERY SELECT * FROM credits_open_hold(
                p_account, p_amount, p_key, p_expires_in, p_overrun, p_reference, p_metadata);
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
    INSERT INTO credits_hold (id, account_id, key, amount, remaining, overrun, lots, pinned, expires_in, expires_at,
                              reference, metadata, created_at)
        VALUES (gen_random_uuid(), p_account, p_key, p_amount, p_amount, p_overrun, v_picked.lots, v_picked.taken,
                p_expires_in, v_now + p_expires_in, p_reference, p_metadata, v_now)
        RETURNING * INTO v_hold;
    RETURN QUERY SELECT 'done', v_hold.id, v_hold.amount, v_hold.expires_at, v_account.balance,
                        v_account.held + p_amount, 0::numeric;
END $$;

-- Spends what was held, in part or whole. More than is held: the surplus is spent where the balance allows it, else
-- owed where the hold says so, else refused and the hold stays as it is. "p_close" gives back what is left.
-- outcome: done | repeated | conflict | insufficient | closed | unknown_hold.
CREATE FUNCTION credits_capture(
    p_hold uuid, p_amount numeric, p_key text, p_close boolean, p_reference text, p_metadata jsonb
) RETURNS TABLE (outcome text, account_id uuid, entry_id bigint, version bigint, balance_after numeric, held numeric,
                 hold_remaining numeric, missing numeric, status text)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
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
    outcome := 'done';
    RETURN NEXT;
END $$;

-- Gives back what a hold still holds. With "p_overdue" only when its time has passed, and it ends as expired.
-- outcome: done | repeated (nothing was held any more) | closed (it was captured) | not_due | unknown_hold.
CREATE FUNCTION credits_release(p_hold uuid, p_overdue boolean)
RETURNS TABLE (outcome text, account_id uuid, released numeric, balance numeric, held numeric, status text)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
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
    outcome := 'done';
    RETURN NEXT;
END $$;

-- Takes credits back from one lot, once per key. What it has left and free is taken; of the rest "p_policy" says:
-- cap (that is all), debt (the rest is owed), block (nothing is taken).
-- outcome: done | repeated | conflict | insufficient | nothing (cap, and the lot is empty) | unknown_lot.
CREATE FUNCTION credits_reverse(
    p_account uuid, p_lot bigint, p_amount numeric, p_kind text, p_policy text, p_key text, p_reference text,
    p_metadata jsonb
) RETURNS TABLE (outcome text, entry_id bigint, version bigint, taken numeric, owed numeric, balance_after numeric,
                 missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_account credits_account;
    v_entry credits_entry;
    v_free numeric;
    v_metadata jsonb := p_metadata
        || jsonb_build_object('lot', p_lot, 'policy', p_policy, 'asked', p_amount::numeric(24, 6)::text);
    v_now timestamptz;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        outcome := CASE WHEN (v_entry.kind, v_entry.reference, v_entry.metadata) = (p_kind, p_reference, v_metadata)
                        THEN 'repeated' ELSE 'conflict' END;
        entry_id := v_entry.id;
        version := v_entry.version;
        owed := v_entry.owed;
        taken := -v_entry.amount - v_entry.owed;
        balance_after := v_entry.balance_after;
        missing := 0;
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM credits_expire_holds_of(p_account, v_now);
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account;
    SELECT l.remaining - l.held INTO v_free FROM credits_lot l WHERE l.id = p_lot AND l.account_id = p_account;
    taken := least(v_free, p_amount);
    missing := p_amount - taken;
    balance_after := v_account.balance;
    owed := CASE WHEN p_policy = 'debt' THEN missing ELSE 0 END;
    outcome := CASE
        WHEN v_free IS NULL THEN 'unknown_lot'
        WHEN p_policy = 'block' AND missing > 0 THEN 'insufficient'
        WHEN taken + owed = 0 THEN 'nothing'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN NEXT;
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance - taken - owed, debt = a.debt + owed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance, a.version INTO balance_after, version;
    UPDATE credits_lot l SET remaining = l.remaining - taken, exhausted = (l.remaining = taken)
        WHERE l.id = p_lot AND taken > 0;
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, version, p_kind, -taken - owed, balance_after, owed, ARRAY[p_lot],
                               ARRAY[-taken], p_key, p_reference, v_metadata, v_now);
    RETURN NEXT;
END $$;

-- Gives back to a lot what was taken back from it, once per key: "p_owed" of it had been owed, and is let off as far as it
-- still is; what was repaid meanwhile comes back as credits, as all the rest does.
-- outcome: done | repeated | conflict | too_much (the lot never had so many) | unknown_lot.
CREATE FUNCTION credits_restore(
    p_account uuid, p_lot bigint, p_amount numeric, p_owed numeric, p_kind text, p_key text, p_reference text,
    p_metadata jsonb
) RETURNS TABLE (outcome text, entry_id bigint, version bigint, let_off numeric, balance_after numeric)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_account credits_account;
    v_entry credits_entry;
    v_lot credits_lot;
    v_metadata jsonb := p_metadata || jsonb_build_object('lot', p_lot, 'owed', p_owed::numeric(24, 6)::text);
    v_now timestamptz;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        outcome := CASE WHEN (v_entry.kind, v_entry.amount, v_entry.reference, v_entry.metadata)
                             = (p_kind, p_amount, p_reference, v_metadata)
                        THEN 'repeated' ELSE 'conflict' END;
        entry_id := v_entry.id;
        version := v_entry.version;
        let_off := -v_entry.owed;
        balance_after := v_entry.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO v_lot FROM credits_lot l WHERE l.id = p_lot AND l.account_id = p_account;
    let_off := least(p_owed, v_account.debt);
    outcome := CASE
        WHEN v_lot.id IS NULL THEN 'unknown_lot'
        WHEN v_lot.remaining + p_amount - let_off > v_lot.amount THEN 'too_much'
        ELSE 'done'
    END;
    IF outcome <> 'done' THEN
        RETURN NEXT;
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance + p_amount, debt = a.debt - let_off, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance, a.version INTO balance_after, version;
    UPDATE credits_lot l SET remaining = l.remaining + p_amount - let_off, exhausted = false
        WHERE l.id = p_lot AND p_amount > let_off;
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, version, p_kind, p_amount, balance_after, -let_off, ARRAY[p_lot],
                               ARRAY[p_amount - let_off], p_key, p_reference, v_metadata, v_now);
    RETURN NEXT;
END $$;

-- Gives credits of one account to another, once per key of the giver. Each lot that pays arrives as a lot of its own,
-- with its expiry, its kind and its share of the cost: a gift makes no credits live longer.
-- outcome: done | repeated | conflict | insufficient | unknown_account | unknown_receiver | same_account.
CREATE FUNCTION credits_transfer(
    p_from uuid, p_to uuid, p_amount numeric, p_key text, p_reference text, p_metadata jsonb
) RETURNS TABLE (outcome text, sent_id bigint, received_id bigint, balance_after numeric, missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('to', p_to);
    v_spent record;
    v_to credits_account;
    v_repaid numeric;
    v_left numeric;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
    v_lot record;
    v_now timestamptz;
    v_sent credits_entry;
BEGIN
    IF p_from = p_to THEN
        outcome := 'same_account';
        RETURN NEXT;
        RETURN;
    END IF;
    -- Both rows in one order, so that two gifts that cross don't wait for each other.
    PERFORM FROM credits_account a WHERE a.id IN (p_from, p_to) ORDER BY a.id FOR NO KEY UPDATE;
    SELECT * INTO v_to FROM credits_account a WHERE a.id = p_to;
    IF NOT FOUND THEN
        outcome := 'unknown_receiver';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO v_spent FROM credits_spend(p_from, p_amount, 'gift_sent', p_key, p_reference, v_metadata);
    outcome := v_spent.outcome;
    sent_id := v_spent.entry_id;
    balance_after := v_spent.balance_after;
    missing := v_spent.missing;
    IF outcome = 'repeated' THEN
        SELECT e.id INTO received_id FROM credits_entry e
            WHERE e.account_id = p_to AND e.key = 'gift:' || v_spent.entry_id;
    END IF;
    IF outcome <> 'done' THEN
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT * INTO v_sent FROM credits_entry e WHERE e.id = sent_id;
    v_now := clock_timestamp();
    v_repaid := least(v_to.debt, p_amount);
    v_left := v_repaid;
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance + p_amount, debt = a.debt - v_repaid, version = a.version + 1
        WHERE a.id = p_to RETURNING * INTO v_to;
    FOR v_lot IN
        SELECT l.*, -t.moved AS given FROM unnest(v_sent.lots, v_sent.moved) WITH ORDINALITY AS t (id, moved, place)
        JOIN credits_lot l ON l.id = t.id ORDER BY t.place
    LOOP
        v_moved := v_moved || (v_lot.given - least(v_left, v_lot.given));
        v_left := v_left - least(v_left, v_lot.given);
        INSERT INTO credits_lot (account_id, amount, remaining, exhausted, promotional, cost_minor, currency,
                                 expires_at, reference, created_at)
            VALUES (p_to, v_lot.given, v_moved[cardinality(v_moved)], v_moved[cardinality(v_moved)] = 0,
                    v_lot.promotional, round(v_lot.cost_minor * v_lot.given / v_lot.amount), v_lot.currency,
                    v_lot.expires_at, v_lot.reference, v_now)
            RETURNING v_lots || id INTO v_lots;
    END LOOP;
    PERFORM set_config('credits.writer', '', true);
    received_id := credits_append(p_to, v_to.version, 'gift_received', p_amount, v_to.balance, -v_repaid, v_lots,
                                  v_moved, 'gift:' || sent_id, p_reference,
                                  p_metadata || jsonb_build_object('from', p_from), v_now);
    RETURN NEXT;
END $$;
