-- Ends: an adjustment that is undone, an account that is closed.

-- What undoing an entry of an adjustment would book now: what it gave and is not gone by itself (expired, booked out or not,
-- forfeited, taken by staff) below zero, what it took above zero; nothing where it was undone; null where there is no such entry.
CREATE FUNCTION credits_undo_amount(p_account uuid, p_entry bigint) RETURNS numeric
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_entry credits_entry;
BEGIN
    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    IF EXISTS (
        SELECT FROM credits_entry e
        WHERE e.account_id = p_account AND e.kind = 'adjustment' AND e.metadata -> 'undoes' = to_jsonb(p_entry)
    ) THEN
        RETURN 0;
    END IF;
    IF v_entry.amount < 0 OR cardinality(v_entry.lots) > 1 OR NOT EXISTS (
        SELECT FROM credits_lot l WHERE l.account_id = p_account AND l.id = v_entry.lots[1] AND l.created_at = v_entry.created_at
    ) THEN
        RETURN -v_entry.amount;
    END IF;
    RETURN (
        SELECT f.lost + CASE WHEN l.expires_at <= clock_timestamp() THEN l.remaining - l.held ELSE 0 END - v_entry.amount
        FROM credits_lot l, credits_lot_flows(p_account, l.id) f
        WHERE l.account_id = p_account AND l.id = v_entry.lots[1]
    );
END $$;

-- Undoes an adjustment as itself, once per key. What it gave is taken from its own lot first, then in the order of spending;
-- what it took goes back to the very lots. "p_amount" is what credits_undo_amount said.
-- outcome: done | repeated | conflict | changed (it would be another amount now) | insufficient | closed | unknown_entry.
CREATE FUNCTION credits_undo(
    p_account uuid, p_entry bigint, p_amount numeric, p_key text, p_reference text, p_metadata jsonb
) RETURNS TABLE (outcome text, entry_id bigint, balance_after numeric, missing numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('undoes', p_entry);
    v_account credits_account;
    v_entry credits_entry;
    v_picked record;
    v_now timestamptz;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    missing := 0;
    SELECT e.id, e.balance_after,
           CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (p_amount, 'adjustment', p_reference, v_metadata)
                THEN 'repeated' ELSE 'conflict' END
        INTO entry_id, balance_after, outcome FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM credits_expire_holds_of(p_account, v_now);
    PERFORM credits_expire_lots_of(p_account);
    SELECT * INTO v_entry FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    balance_after := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
    outcome := CASE
        WHEN v_entry.id IS NULL THEN 'unknown_entry'
        WHEN v_account.closed_at IS NOT NULL THEN 'closed'
        WHEN credits_undo_amount(p_account, p_entry) <> p_amount OR p_amount = 0 THEN 'changed'
        ELSE 'done'
    END;
    IF outcome = 'done' AND p_amount < 0 THEN
        SELECT * INTO v_picked FROM credits_pick_from(p_account, v_entry.lots[1], -p_amount, v_now);
        missing := v_picked.missing;
        outcome := CASE WHEN missing > 0 THEN 'insufficient' ELSE 'done' END;
    END IF;
    IF outcome <> 'done' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF p_amount < 0 THEN
        v_entry := credits_take(p_account, 'adjustment', v_picked.lots, v_picked.taken, p_key, p_reference, v_metadata, v_now);
        entry_id := v_entry.id;
        balance_after := v_entry.balance_after;
    ELSE
        SELECT g.entry_id, g.balance_after INTO entry_id, balance_after
            FROM credits_give_back(p_account, v_entry, p_key, p_reference, v_metadata, v_now) g;
    END IF;
    RETURN NEXT;
END $$;

-- As credits_pick, but that one lot pays first.
CREATE FUNCTION credits_pick_from(
    p_account uuid, p_lot bigint, p_amount numeric, p_now timestamptz,
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
                       row_number() OVER (ORDER BY l.id <> p_lot, l.expires_at, l.promotional DESC, l.id) AS place
                FROM credits_lot l
                WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held
                      AND (l.expires_at IS NULL OR l.expires_at > p_now)
            ) o
        ) p
        WHERE p.before < p_amount;
END $$;

-- Gives back to lots what an entry took from them. One that has expired since lives as much longer.
CREATE FUNCTION credits_give_back(
    p_account uuid, p_entry credits_entry, p_key text, p_reference text, p_metadata jsonb, p_now timestamptz,
    OUT entry_id bigint, OUT balance_after numeric
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_version bigint;
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance - p_entry.amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, balance_after;
    PERFORM credits_extend_lot(p_account, u.lot, p_entry.created_at, p_now) FROM unnest(p_entry.lots) AS u (lot);
    PERFORM credits_add_to_lots(p_account, p_entry.lots, credits_negated(p_entry.moved));
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_version, 'adjustment', -p_entry.amount, balance_after, 0, p_entry.lots,
                               credits_negated(p_entry.moved), p_key, p_reference, p_metadata, p_now);
    PERFORM credits_claim_freed(p_account, p_entry.lots, p_now);
END $$;

-- Books out what an account has free, for good; how much that was.
CREATE FUNCTION credits_forfeit(p_account uuid, p_now timestamptz) RETURNS numeric
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_picked record;
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    SELECT array_agg(l.id ORDER BY l.id) AS lots, array_agg(l.remaining - l.held ORDER BY l.id) AS taken INTO v_picked
        FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held;
    IF v_picked.lots IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM credits_take(p_account, 'forfeit', v_picked.lots, v_picked.taken,
                         'forfeit:' || (SELECT a.version + 1 FROM credits_account a WHERE a.id = p_account), '', '{}', p_now);
    RETURN credits_total(v_picked.taken);
END $$;

-- Closes an account for good: what it has free is forfeited, and so is whatever becomes free later; what clawbacks are owed is
-- waived. How much was forfeited now.
CREATE FUNCTION credits_close(p_account uuid) RETURNS numeric
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_now timestamptz;
    v_forfeited numeric;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    UPDATE credits_account a SET closed_at = v_now WHERE a.id = p_account AND a.closed_at IS NULL;
    PERFORM credits_expire_holds_of(p_account, v_now);
    v_forfeited := credits_forfeit(p_account, v_now);
    PERFORM credits_claim_freed(p_account, ARRAY(SELECT c.lot_id FROM credits_clawback c WHERE c.account_id = p_account),
                                v_now);
    RETURN v_forfeited;
END $$;
