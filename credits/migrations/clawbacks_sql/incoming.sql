-- Credits that come in: granted, or given by another account.

-- Puts credits into an account as one new lot, once per key; what is owed is paid off with them at once. No row: no such
-- account. "same" is false when the key stands for a grant with other arguments; "closed": the account takes nothing in.
DROP FUNCTION credits_grant(uuid, numeric, text, text, text, jsonb, boolean, bigint, text, timestamptz);
CREATE FUNCTION credits_grant(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamptz
) RETURNS TABLE (entry_id bigint, lot_id bigint, balance_after numeric, repeated boolean, same boolean, closed boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
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
               AND l.expires_at - l.extended_by IS NOT DISTINCT FROM p_expires_at,
               false
        FROM credits_entry e
        LEFT JOIN credits_lot l ON l.account_id = p_account AND l.id = e.lots[1]
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    closed := v_account.closed_at IS NOT NULL;
    IF closed THEN
        RETURN NEXT;
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance INTO balance_after;
    INSERT INTO credits_lot (account_id, amount, remaining, exhausted, promotional, cost_minor, currency, expires_at,
                             reference, created_at)
        VALUES (p_account, p_amount, p_amount, false, p_promotional, p_cost_minor, p_currency, p_expires_at, p_reference,
                v_now)
        RETURNING id INTO lot_id;
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_account.version + 1, p_kind, p_amount, balance_after, 0, ARRAY[lot_id],
                               ARRAY[p_amount], p_key, p_reference, p_metadata, v_now);
    IF v_account.debt > 0 THEN
        PERFORM credits_offset_debt(p_account, v_now);
    END IF;
    repeated := false;
    same := true;
    RETURN NEXT;
END $$;

-- Gives credits of one account to another, once per key of the giver. What was bought less than "p_fresh" ago is not given.
-- outcome: done | repeated | conflict | insufficient (then "missing" are lacking) | fresh (they are there, but too fresh)
-- | unknown_account | unknown_receiver | closed_receiver | same_account.
DROP FUNCTION credits_transfer(uuid, uuid, numeric, text, text, jsonb);
CREATE FUNCTION credits_transfer(
    p_from uuid, p_to uuid, p_amount numeric, p_key text, p_reference text, p_metadata jsonb, p_fresh interval
) RETURNS TABLE (outcome text, sent_id bigint, received_id bigint, balance_after numeric, missing numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('to', p_to);
    v_now timestamptz;
    v_sent credits_entry;
    v_picked record;
BEGIN
    -- Both rows in one order, so that two gifts that cross don't wait for each other.
    PERFORM FROM credits_account a WHERE a.id IN (p_from, p_to) ORDER BY a.id FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    outcome := credits_transfer_refused(p_from, p_to);
    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT * INTO v_sent FROM credits_entry e WHERE e.account_id = p_from AND e.key = p_key;
    IF FOUND THEN
        outcome := CASE WHEN (v_sent.amount, v_sent.kind, v_sent.reference, v_sent.metadata)
                             = (-p_amount, 'gift_sent', p_reference, v_metadata)
                        THEN 'repeated' ELSE 'conflict' END;
        sent_id := v_sent.id;
        received_id := (SELECT e.id FROM credits_entry e WHERE e.account_id = p_to AND e.key = 'gift:' || v_sent.id);
        balance_after := v_sent.balance_after;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    IF v_picked.missing > 0 AND credits_expire_holds_of(p_from, v_now) > 0 THEN
        SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    END IF;
    missing := v_picked.missing;
    IF missing > 0 THEN
        SELECT CASE WHEN r.missing > 0 THEN 'insufficient' ELSE 'fresh' END, r.balance_after,
               CASE WHEN r.missing > 0 THEN r.missing ELSE v_picked.missing END
            INTO outcome, balance_after, missing FROM credits_refusal(p_from, p_amount, v_now) r;
        RETURN NEXT;
        RETURN;
    END IF;
    v_sent := credits_take(p_from, 'gift_sent', v_picked.lots, v_picked.taken, p_key, p_reference, v_metadata, v_now);
    outcome := 'done';
    sent_id := v_sent.id;
    balance_after := v_sent.balance_after;
    received_id := credits_receive(p_to, v_sent, p_metadata || jsonb_build_object('from', p_from), v_now);
    RETURN NEXT;
END $$;

-- Why nothing can be given from one account to the other, whatever it is; null where it can.
CREATE FUNCTION credits_transfer_refused(p_from uuid, p_to uuid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_from = p_to THEN 'same_account'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_to) THEN 'unknown_receiver'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_from) THEN 'unknown_account'
        WHEN (SELECT a.closed_at FROM credits_account a WHERE a.id = p_to) IS NOT NULL THEN 'closed_receiver'
    END
$$;

-- As credits_pick, without what was bought less than "p_fresh" ago.
CREATE FUNCTION credits_pick_given(
    p_account uuid, p_amount numeric, p_now timestamptz, p_fresh interval,
    OUT lots bigint[], OUT taken numeric[], OUT missing numeric
) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    SELECT coalesce(array_agg(p.id ORDER BY p.place), '{}'),
           coalesce(array_agg(least(p.free, p_amount - p.before) ORDER BY p.place), '{}'),
           p_amount - coalesce(sum(least(p.free, p_amount - p.before)), 0)
        INTO lots, taken, missing
        FROM (
            SELECT o.id, o.free, o.place, sum(o.free) OVER (ORDER BY o.place) - o.free AS before
            FROM (
                SELECT l.id, l.remaining - l.held AS free,
                       row_number() OVER (ORDER BY l.expires_at, l.promotional DESC, l.id) AS place
                FROM credits_lot l
                WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held
                      AND (l.expires_at IS NULL OR l.expires_at > p_now)
                      AND (l.cost_minor IS NULL OR l.origin_lot IS NOT NULL OR l.created_at <= p_now - p_fresh)
            ) o
        ) p
        WHERE p.before < p_amount;
END $$;

-- Takes from lots what was picked from each, as one entry.
CREATE FUNCTION credits_take(
    p_account uuid, p_kind text, p_lots bigint[], p_taken numeric[], p_key text, p_reference text, p_metadata jsonb,
    p_now timestamptz
) RETURNS credits_entry LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_amount numeric := credits_total(p_taken);
    v_version bigint;
    v_balance numeric;
    v_entry credits_entry;
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance - v_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
    PERFORM credits_add_to_lots(p_account, p_lots, credits_negated(p_taken));
    PERFORM set_config('credits.writer', '', true);
    v_entry.id := credits_append(p_account, v_version, p_kind, -v_amount, v_balance, 0, p_lots, credits_negated(p_taken),
                                 p_key, p_reference, p_metadata, p_now);
    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = p_account AND e.id = v_entry.id;
    RETURN v_entry;
END $$;

-- Brings what an entry gave away into another account. Each lot that paid arrives as a lot of its own, with its expiry, its
-- kind and its cost, and remembers the lot that it first came in with; credits whose first lot is the receiver's own go
-- back to it. So a gift makes no credits live longer, cost nothing else, and hides none from a clawback. What the first lot
-- was bought for is nobody's business here: the reference is the gift's.
CREATE FUNCTION credits_receive(p_to uuid, p_sent credits_entry, p_metadata jsonb, p_now timestamptz) RETURNS bigint
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
    v_given record;
    v_lot bigint;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
    v_entry bigint;
BEGIN
    PERFORM credits_expire_lots_of(p_to);
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance - p_sent.amount, version = a.version + 1
        WHERE a.id = p_to RETURNING * INTO v_account;
    FOR v_given IN
        SELECT l.*, -t.moved AS given
        FROM unnest(p_sent.lots, p_sent.moved) WITH ORDINALITY AS t (id, moved, place)
        JOIN credits_lot l ON l.account_id = p_sent.account_id AND l.id = t.id ORDER BY t.place
    LOOP
        IF v_given.origin_account = p_to THEN
            v_lot := v_given.origin_lot;
            -- They may have been given time while they were away.
            UPDATE credits_lot l
                SET remaining = l.remaining + v_given.given, exhausted = false,
                    expires_at = greatest(l.expires_at, v_given.expires_at),
                    extended_by = l.extended_by
                        + make_interval(secs => greatest(0, extract(epoch FROM v_given.expires_at - l.expires_at)))
                WHERE l.account_id = p_to AND l.id = v_lot;
        ELSE
            INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, cost_credits, currency,
                                     origin_lot, origin_account, expires_at, reference, created_at)
                VALUES (p_to, v_given.given, v_given.given, v_given.promotional, v_given.cost_minor,
                        CASE WHEN v_given.cost_minor IS NOT NULL THEN coalesce(v_given.cost_credits, v_given.amount) END,
                        v_given.currency, coalesce(v_given.origin_lot, v_given.id),
                        coalesce(v_given.origin_account, v_given.account_id), v_given.expires_at, p_sent.reference, p_now)
                RETURNING id INTO v_lot;
        END IF;
        IF v_lot = ANY (v_lots) THEN
            v_moved[array_position(v_lots, v_lot)] := v_moved[array_position(v_lots, v_lot)] + v_given.given;
        ELSE
            v_lots := v_lots || v_lot;
            v_moved := v_moved || v_given.given;
        END IF;
    END LOOP;
    PERFORM set_config('credits.writer', '', true);
    v_entry := credits_append(p_to, v_account.version, 'gift_received', -p_sent.amount, v_account.balance, 0, v_lots,
                              v_moved, 'gift:' || p_sent.id, p_sent.reference, p_metadata, p_now);
    PERFORM credits_claim_freed(p_to, v_lots, p_now);
    RETURN v_entry;
END $$;
