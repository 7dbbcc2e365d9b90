-- Debt. An account owes only while nothing of it is free: what is free pays the debt off at once. Such an entry is of kind
-- "offset" and leaves the balance as it is: lots and debt move by the same amounts, down where a debt is paid off, up where
-- that is undone.

-- Pays off what the account owes, as far as it has free credits, in their spending order.
CREATE FUNCTION credits_offset_debt(p_account uuid, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_debt numeric := (SELECT a.debt FROM credits_account a WHERE a.id = p_account);
    v_picked record;
BEGIN
    IF v_debt > 0 THEN
        SELECT * INTO v_picked FROM credits_pick(p_account, v_debt, p_now);
        IF v_picked.missing < v_debt THEN
            PERFORM credits_book_offset(p_account, v_picked.lots, credits_negated(v_picked.taken), p_now);
        END IF;
    END IF;
END $$;

CREATE FUNCTION credits_book_offset(p_account uuid, p_lots bigint[], p_moved numeric[], p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_owed numeric := credits_total(p_moved);
    v_version bigint;
    v_balance numeric;
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET debt = a.debt + v_owed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
    PERFORM credits_add_to_lots(p_account, p_lots, p_moved);
    PERFORM set_config('credits.writer', '', true);
    PERFORM credits_append(p_account, v_version, 'offset', 0, v_balance, v_owed, p_lots, p_moved,
                           'offset:' || v_version, '', '{}', p_now);
END $$;

-- Undoes the payment of so much debt: what was paid last in the spending order comes back first. It is owed again, for the
-- caller to reduce.
CREATE FUNCTION credits_undo_offset(p_account uuid, p_amount numeric, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_paid record;
    v_left numeric := p_amount;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    FOR v_paid IN
        SELECT l.id, p.amount, p.since FROM credits_offsets(p_account) p JOIN credits_lot l ON l.id = p.lot
        WHERE l.account_id = p_account AND p.amount > 0
        ORDER BY l.expires_at DESC NULLS FIRST, l.promotional, l.id DESC
    LOOP
        EXIT WHEN v_left = 0;
        v_lots := v_lots || v_paid.id;
        v_moved := v_moved || least(v_left, v_paid.amount);
        v_left := v_left - least(v_left, v_paid.amount);
        PERFORM credits_extend_lot(p_account, v_paid.id, v_paid.since, p_now);
    END LOOP;
    IF v_left > 0 THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_debt_equals_what_is_owed', TABLE = 'credits_account',
            MESSAGE = format('account %s: %s more of its debt is gone than was ever paid', p_account, v_left);
    END IF;
    PERFORM credits_book_offset(p_account, v_lots, v_moved, p_now);
END $$;

-- The kinds of entries that a new lot comes in with.
CREATE FUNCTION credits_brings_in(p_kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_kind IN ('purchase', 'promotion', 'gift_received', 'adjustment')
$$;

-- What each lot of an account has paid off, and since when. Before there were entries of their own for it, a lot that came
-- in lacked from the beginning what it had paid off.
CREATE FUNCTION credits_offsets(p_account uuid) RETURNS TABLE (lot bigint, amount numeric, since timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT m.lot,
           sum(CASE WHEN e.kind = 'offset' THEN -m.amount ELSE l.amount - m.amount END), max(e.created_at)
    FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
    JOIN credits_lot l ON l.account_id = e.account_id AND l.id = m.lot
    WHERE e.account_id = p_account AND e.kind <> 'spend' AND e.owed <> 0
          AND (e.kind = 'offset' OR l.created_at = e.created_at AND credits_brings_in(e.kind))
    GROUP BY m.lot
$$;

-- At commit: an account that owes has nothing free.
CREATE FUNCTION credits_verify_debt(p_account uuid) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_debt numeric := (SELECT a.debt FROM credits_account a WHERE a.id = p_account);
    v_missing numeric := (SELECT p.missing FROM credits_pick(p_account, v_debt, clock_timestamp()) p);
BEGIN
    IF v_missing < v_debt THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_owes_only_while_nothing_is_free', TABLE = 'credits_account',
            MESSAGE = format('account %s: it owes %s, and %s of its credits are free', p_account, v_debt,
                             v_debt - v_missing);
    END IF;
END $$;

CREATE FUNCTION credits_negated(p_amounts numeric[]) RETURNS numeric[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN ARRAY(SELECT -amount FROM unnest(p_amounts) WITH ORDINALITY AS u (amount, place) ORDER BY place);
END $$;

-- Adds to what lots have left; what is below zero is taken.
CREATE FUNCTION credits_add_to_lots(p_account uuid, p_lots bigint[], p_moved numeric[]) RETURNS void LANGUAGE sql AS $$
    UPDATE credits_lot l SET remaining = l.remaining + t.moved, exhausted = (l.remaining + t.moved = 0)
        FROM unnest(p_lots, p_moved) AS t (id, moved)
        WHERE l.account_id = p_account AND l.id = t.id AND t.moved <> 0
$$;

-- Gives a lot that has expired the time that its credits were away for, since when they were taken: as much of its life is
-- left as was left then. One that had expired before, or lives on, stays as it is.
CREATE FUNCTION credits_extend_lot(p_account uuid, p_lot bigint, p_since timestamptz, p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    -- In seconds: a day is not as long as another where clocks change.
    v_away interval := make_interval(secs => extract(epoch FROM p_now - p_since));
BEGIN
    UPDATE credits_lot l SET expires_at = l.expires_at + v_away, extended_by = l.extended_by + v_away
        WHERE l.account_id = p_account AND l.id = p_lot AND l.expires_at <= p_now AND l.expires_at > p_since;
END $$;
