-- A copy of credits/ledger/sql/*.sql. Bodies name functions that come later.
SET LOCAL check_function_bodies = off;

-- Adds a lot, whole and free. What was given names the lot that it first came in with, and what that one cost.
CREATE OR REPLACE FUNCTION credits_add_lot(
    p_account uuid, p_amount numeric, p_promotional boolean, p_cost_minor bigint, p_cost_credits numeric,
    p_currency text, p_origin_lot bigint, p_origin_account uuid, p_expires_at timestamptz, p_reference text,
    p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, cost_credits, currency,
                             origin_lot, origin_account, expires_at, reference, created_at)
        VALUES (p_account, p_amount, p_amount, p_promotional, p_cost_minor, p_cost_credits, p_currency, p_origin_lot,
                p_origin_account, p_expires_at, p_reference, p_now)
        RETURNING id INTO v_id;
    RETURN v_id;
END $$;

-- Adds to what lots have left; what is below zero is taken.
CREATE OR REPLACE FUNCTION credits_add_to_lots(p_account uuid, p_lots bigint[], p_moved numeric[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE credits_lot l SET remaining = l.remaining + t.moved, exhausted = (l.remaining + t.moved = 0)
        FROM unnest(p_lots, p_moved) AS t (id, moved)
        WHERE l.account_id = p_account AND l.id = t.id AND t.moved <> 0;
END $$;

-- The sums of two arrays of one length, place by place.
CREATE OR REPLACE FUNCTION credits_added(p_amounts numeric[], p_others numeric[])
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE STRICT
AS $$
DECLARE
    v_sums numeric[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(p_amounts) LOOP
        v_sums := v_sums || (p_amounts[i] + p_others[i]);
    END LOOP;
    RETURN v_sums;
END $$;

-- Appends an entry whose account and lots are written.
CREATE OR REPLACE FUNCTION credits_append(
    p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric,
    p_lots bigint[], p_moved numeric[], p_key text, p_reference text, p_metadata jsonb, p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, owed, lots, moved, key, reference,
                               metadata, created_at, hash)
        VALUES (p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved, p_key, p_reference,
                p_metadata, p_now, '')
        RETURNING id INTO v_id;
    RETURN v_id;
END $$;

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

-- Books what a lot's clawbacks changed. What isn't free paid off a debt: that is undone first. Where less is owed
-- than was paid off meanwhile, what paid for it comes back to its own lots.
CREATE OR REPLACE FUNCTION credits_book_clawback(
    p_account uuid, p_lot bigint, p_taken numeric, p_owed numeric, p_free numeric, p_since timestamptz, p_kind
    text, p_metadata jsonb, p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_account record;
BEGIN
    IF p_taken = 0 AND p_owed = 0 THEN
        RETURN NULL;
    END IF;
    IF p_taken > p_free THEN
        PERFORM credits_book_offset(p_account, ARRAY[p_lot], ARRAY[p_taken - p_free], p_now);
    END IF;
    SELECT a.debt INTO v_account FROM credits_account a WHERE a.id = p_account;
    IF -p_owed > v_account.debt THEN
        PERFORM credits_undo_offset(p_account, -p_owed - v_account.debt, p_now);
    END IF;
    IF p_taken < 0 THEN
        PERFORM credits_expire_lots_of(p_account);
        PERFORM credits_extend_lot(p_account, p_lot, p_since, p_now);
    END IF;
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a
        SET balance = a.balance - p_taken - p_owed, debt = a.debt + p_owed, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_account;
    PERFORM credits_add_to_lots(p_account, ARRAY[p_lot], ARRAY[-p_taken]);
    PERFORM set_config('credits.writer', '', true);
    RETURN credits_append(
        p_account, v_account.version, p_kind, -p_taken - p_owed, v_account.balance, p_owed, ARRAY[p_lot],
        ARRAY[-p_taken], format('clawback:%s:%s', p_lot, v_account.version),
        (SELECT l.reference FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot),
        p_metadata || jsonb_build_object('lot', p_lot), p_now);
END $$;

-- Books what paid off a debt, or with amounts above zero what no longer does.
CREATE OR REPLACE FUNCTION credits_book_offset(
    p_account uuid, p_lots bigint[], p_moved numeric[], p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
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

-- The kinds of entries that a new lot comes in with.
CREATE OR REPLACE FUNCTION credits_brings_in(p_kind text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT p_kind IN ('purchase', 'promotion', 'gift_received', 'adjustment')
$$;

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
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (-p_amount, 'spend', v_reference, v_metadata)
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

-- What a capture moves: what was picked of lots for its surplus, and what pinned lots pay, each lot once.
CREATE OR REPLACE FUNCTION credits_captured(
    p_picked bigint[], p_taken numeric[], p_pinned bigint[], p_paid numeric[], OUT lots bigint[], OUT moved numeric[]
)
RETURNS record
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_place int;
BEGIN
    lots := p_picked;
    moved := credits_negated(p_taken);
    FOR i IN 1 .. cardinality(p_pinned) LOOP
        v_place := array_position(lots, p_pinned[i]);
        IF v_place IS NOT NULL THEN
            moved[v_place] := moved[v_place] - p_paid[i];
        ELSIF p_paid[i] > 0 THEN
            lots := lots || p_pinned[i];
            moved := moved || -p_paid[i];
        END IF;
    END LOOP;
END $$;

-- Credits of these lots have become free: what clawbacks still claim of them is taken, a debt is paid off, and what
-- a closed account has free is forfeited. In an account that the caller has locked.
CREATE OR REPLACE FUNCTION credits_claim_freed(p_account uuid, p_lots bigint[], p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_claim record;
BEGIN
    FOR v_claim IN
        SELECT DISTINCT ON (c.lot_id) c.lot_id, c.kind, c.metadata FROM credits_clawback c
        WHERE c.account_id = p_account AND c.lot_id = ANY (p_lots) AND c.taken < c.amount
        ORDER BY c.lot_id, c.position, c.id
    LOOP
        PERFORM credits_settle_clawbacks(p_account, v_claim.lot_id, v_claim.kind, v_claim.metadata, p_now);
    END LOOP;
    PERFORM credits_offset_debt(p_account, p_now);
    IF (SELECT a.closed_at FROM credits_account a WHERE a.id = p_account) IS NOT NULL THEN
        PERFORM credits_forfeit(p_account, p_now);
    END IF;
END $$;

-- Says which clawbacks of a lot stand, in their order, in place of those before; and settles them. "p_kind" and
-- "p_metadata" are those of the entry, if there is one.
-- outcome: done | too_much (than the lot ever had) | conflict (a clawback of another lot) | unknown_lot.
CREATE OR REPLACE FUNCTION credits_claw_back(
    p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamptz[], p_kinds text[], p_policies text[],
    p_amounts numeric[], p_claims_metadata jsonb[], p_kind text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT taken numeric, OUT owed numeric, OUT balance numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_amount numeric;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    SELECT l.amount INTO v_amount FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot;
    outcome := CASE
        WHEN v_amount IS NULL THEN 'unknown_lot'
        WHEN credits_total(p_amounts) > v_amount THEN 'too_much'
        WHEN EXISTS (SELECT FROM credits_clawback c
                     WHERE c.account_id = p_account AND c.id = ANY (p_ids) AND c.lot_id <> p_lot) THEN 'conflict'
        ELSE 'done'
    END;
    IF outcome = 'done' THEN
        PERFORM credits_expire_holds_of(p_account, v_now);
        PERFORM credits_state_clawbacks(p_account, p_lot, p_ids, p_ats, p_kinds, p_policies, p_amounts,
                                        p_claims_metadata, v_now);
        SELECT s.* INTO entry_id, taken, owed
            FROM credits_settle_clawbacks(p_account, p_lot, p_kind, p_metadata, v_now) s;
    END IF;
    balance := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
END $$;

-- What each clawback of a lot covers, where so much of the line can be taken, is held, and was spent.
CREATE OR REPLACE FUNCTION credits_clawback_shares(
    p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean
)
RETURNS TABLE (id uuid, taken numeric, pending numeric, owed numeric)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT c.id,
               credits_overlap(c.start, c.stop, 0, p_takeable),
               credits_overlap(c.start, c.stop, p_takeable, p_takeable + p_held),
               CASE WHEN c.policy = 'debt' AND NOT p_closed
                    THEN credits_overlap(c.start, c.stop, p_takeable + p_held, p_takeable + p_held + p_spent)
                    ELSE 0 END
        FROM (
            SELECT c.id, c.policy, sum(c.amount) OVER line - c.amount AS start, sum(c.amount) OVER line AS stop
            FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot
            WINDOW line AS (ORDER BY c.position, c.id)
        ) c;
END $$;

-- Closes an account for good: what it has free is forfeited, and so is whatever becomes free later; what clawbacks
-- are owed is waived. How much was forfeited now.
CREATE OR REPLACE FUNCTION credits_close(p_account uuid)
RETURNS numeric
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_now timestamptz;
    v_forfeited numeric;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    UPDATE credits_account a SET closed_at = v_now WHERE a.id = p_account AND a.closed_at IS NULL;
    PERFORM credits_expire_holds_of(p_account, v_now);
    v_forfeited := credits_forfeit(p_account, v_now);
    PERFORM credits_claim_freed(
        p_account, ARRAY(SELECT c.lot_id FROM credits_clawback c WHERE c.account_id = p_account), v_now);
    RETURN v_forfeited;
END $$;

-- An entry's seal: SHA-256 over the seal of the account's entry before it and everything the entry says, but for
-- reference and metadata. Each value has one spelling: amounts with six places, time as seconds since 1970. In SQL
-- and STABLE (as concat_ws is): so it becomes part of the expression that calls it.
CREATE OR REPLACE FUNCTION credits_entry_hash(
    p_previous bytea, p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after
    numeric, p_owed numeric, p_lots bigint[], p_moved numeric[], p_created_at timestamptz, p_key text
)
RETURNS bytea
LANGUAGE sql
STABLE PARALLEL SAFE
AS $$
    SELECT sha256(coalesce(p_previous, ''::bytea) || convert_to(concat_ws(
        '|', p_account, p_version, p_kind, p_amount::numeric(24, 6), p_balance_after::numeric(24, 6),
        p_owed::numeric(24, 6), p_lots, p_moved::numeric(24, 6)[], extract(epoch FROM p_created_at), p_key
    ), 'UTF8'))
$$;

-- Ends an account's holds that were overdue at a time; how many there were.
CREATE OR REPLACE FUNCTION credits_expire_holds_of(p_account uuid, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_count bigint;
BEGIN
    SELECT count(*) FILTER (WHERE r.outcome = 'done') INTO v_count
        FROM (SELECT h.id FROM credits_hold h
              WHERE h.account_id = p_account AND h.status = 'open' AND h.expires_at <= p_now) overdue,
             LATERAL credits_release(p_account, overdue.id, true) r;
    RETURN v_count;
END $$;

-- Takes out what an account's expired lots have left and no hold has pinned: one entry each. How many there were.
CREATE OR REPLACE FUNCTION credits_expire_lots_of(p_account uuid)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_lot record;
    v_now timestamptz;
    v_version bigint;
    v_balance numeric;
    v_count bigint := 0;
BEGIN
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    FOR v_lot IN
        SELECT l.id, l.remaining - l.held AS free, l.reference FROM credits_lot l
        WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held AND l.expires_at <= v_now
        ORDER BY l.expires_at, l.promotional DESC, l.id
    LOOP
        v_count := v_count + 1;
        PERFORM set_config('credits.writer', 'ledger', true);
        UPDATE credits_account a SET balance = a.balance - v_lot.free, version = a.version + 1
            WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
        PERFORM credits_add_to_lots(p_account, ARRAY[v_lot.id], ARRAY[-v_lot.free]);
        PERFORM set_config('credits.writer', '', true);
        PERFORM credits_append(p_account, v_version, 'expiry', -v_lot.free, v_balance, 0, ARRAY[v_lot.id],
                               ARRAY[-v_lot.free], format('expiry:%s:%s', v_lot.id, v_version), v_lot.reference, '{}',
                               v_now);
    END LOOP;
    RETURN v_count;
END $$;

-- Gives a lot that has expired the time that its credits were away for, since when they were taken: as much of its
-- life is left as was left then. One that had expired before, or lives on, stays as it is.
CREATE OR REPLACE FUNCTION credits_extend_lot(
    p_account uuid, p_lot bigint, p_since timestamptz, p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    -- In seconds: a day is not as long as another where clocks change.
    v_away interval := make_interval(secs => extract(epoch FROM p_now - p_since));
BEGIN
    UPDATE credits_lot l SET expires_at = l.expires_at + v_away, extended_by = l.extended_by + v_away
        WHERE l.account_id = p_account AND l.id = p_lot AND l.expires_at <= p_now AND l.expires_at > p_since;
END $$;

-- Books out what an account has free, for good; how much that was.
CREATE OR REPLACE FUNCTION credits_forfeit(p_account uuid, p_now timestamptz)
RETURNS numeric
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_picked record;
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    SELECT array_agg(l.id ORDER BY l.id) AS lots, array_agg(l.remaining - l.held ORDER BY l.id) AS taken INTO v_picked
        FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held;
    IF v_picked.lots IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM credits_take(
        p_account, 'forfeit', v_picked.lots, v_picked.taken,
        'forfeit:' || (SELECT a.version + 1 FROM credits_account a WHERE a.id = p_account), '', '{}', p_now);
    RETURN credits_total(v_picked.taken);
END $$;

-- Restores to lots what an entry took from them at a time. One that has expired since lives as much longer.
CREATE OR REPLACE FUNCTION credits_give_back(
    p_account uuid, p_lots bigint[], p_moved numeric[], p_since timestamptz, p_key text, p_reference text,
    p_metadata jsonb, p_now timestamptz, OUT entry_id bigint, OUT balance_after numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_given numeric[] := credits_negated(p_moved);
    v_amount numeric := credits_total(v_given);
    v_version bigint;
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance + v_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, balance_after;
    PERFORM credits_extend_lot(p_account, u.lot, p_since, p_now) FROM unnest(p_lots) AS u (lot);
    PERFORM credits_add_to_lots(p_account, p_lots, v_given);
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_version, 'adjustment', v_amount, balance_after, 0, p_lots, v_given, p_key,
                               p_reference, p_metadata, p_now);
    PERFORM credits_claim_freed(p_account, p_lots, p_now);
END $$;

-- Puts credits into an account as one new lot, once per key; what is owed is paid off with them at once.
-- outcome: done | repeated | conflict (the key stands for something else) | closed (the account takes nothing in)
-- | unknown_account.
CREATE OR REPLACE FUNCTION credits_grant(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamptz,
    OUT outcome text, OUT entry_id bigint, OUT lot_id bigint, OUT balance_after numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_account record;
    v_now timestamptz;
BEGIN
    SELECT a.version, a.debt, a.closed_at INTO v_account
        FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown_account';
        RETURN;
    END IF;
    v_now := clock_timestamp();

    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (p_amount, p_kind, p_reference, p_metadata)
                     AND (l.promotional, l.currency) = (p_promotional, p_currency)
                     AND l.cost_minor IS NOT DISTINCT FROM p_cost_minor
                     AND l.expires_at - l.extended_by IS NOT DISTINCT FROM p_expires_at
                THEN 'repeated' ELSE 'conflict' END, e.id, l.id, e.balance_after
        INTO outcome, entry_id, lot_id, balance_after
        FROM credits_entry e
        LEFT JOIN credits_lot l ON l.account_id = p_account AND l.id = e.lots[1]
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND OR v_account.closed_at IS NOT NULL THEN
        outcome := coalesce(outcome, 'closed');
        RETURN;
    END IF;

    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.balance INTO balance_after;
    lot_id := credits_add_lot(p_account, p_amount, p_promotional, p_cost_minor, NULL, p_currency, NULL, NULL,
                              p_expires_at, p_reference, v_now);
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, v_account.version + 1, p_kind, p_amount, balance_after, 0, ARRAY[lot_id],
                               ARRAY[p_amount], p_key, p_reference, p_metadata, v_now);
    IF v_account.debt > 0 THEN
        PERFORM credits_offset_debt(p_account, v_now);
    END IF;
    outcome := 'done';
END $$;

-- Locks accounts one after the other, and ends their overdue holds: what those keep is nobody's any more.
CREATE OR REPLACE FUNCTION credits_lock_for_batch(p_accounts uuid[])
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_account uuid;
    v_now timestamptz;
BEGIN
    FOREACH v_account IN ARRAY p_accounts LOOP
        PERFORM FROM credits_account a WHERE a.id = v_account FOR NO KEY UPDATE;
    END LOOP;
    v_now := clock_timestamp();
    FOR v_account IN
        SELECT DISTINCT h.account_id FROM credits_hold h
        WHERE h.account_id = ANY (p_accounts) AND h.status = 'open' AND h.expires_at <= v_now
    LOOP
        PERFORM credits_expire_holds_of(v_account, v_now);
    END LOOP;
END $$;

-- Where a lot's credits went, but for those that were spent; and what is owed for those.
CREATE OR REPLACE FUNCTION credits_lot_flows(
    p_account uuid, p_lot bigint, OUT taken numeric, OUT offset_debt numeric, OUT lost numeric, OUT owed
    numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    SELECT coalesce(-sum(f.moved) FILTER (WHERE f.kind IN ('refund', 'dispute')), 0),
           coalesce(sum(CASE WHEN f.came_in THEN f.amount - f.moved ELSE -f.moved END)
                        FILTER (WHERE f.kind = 'offset' OR f.came_in), 0),
           coalesce(-sum(f.moved) FILTER (WHERE f.kind IN ('expiry', 'forfeit', 'adjustment') AND NOT f.came_in), 0),
           coalesce(sum(f.owed) FILTER (WHERE f.kind IN ('refund', 'dispute')), 0)
        INTO taken, offset_debt, lost, owed
        FROM (
            SELECT e.kind, m.amount AS moved, e.owed, l.amount,
                   e.created_at = l.created_at AND credits_brings_in(e.kind) AS came_in
            FROM credits_lot l
            JOIN credits_entry e ON e.account_id = l.account_id AND e.kind <> 'spend' AND e.lots @> ARRAY[l.id]
            CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
            WHERE l.account_id = p_account AND l.id = p_lot AND m.lot = l.id
        ) f;
END $$;

-- The same where a statement is planned once and run often: in SQL it becomes part of it, and nearly every entry
-- moves one lot.
CREATE OR REPLACE FUNCTION credits_moved(p_moved numeric[])
RETURNS numeric
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN cardinality(p_moved) = 1 THEN p_moved[1] ELSE credits_total(p_moved) END
$$;

-- The amounts with their signs turned.
CREATE OR REPLACE FUNCTION credits_negated(p_amounts numeric[])
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE STRICT
AS $$
DECLARE
    v_negated numeric[] := '{}';
    v_amount numeric;
BEGIN
    FOREACH v_amount IN ARRAY p_amounts LOOP
        v_negated := v_negated || -v_amount;
    END LOOP;
    RETURN v_negated;
END $$;

-- Handles a hold that the account can't cover: overdue holds are released first, and then it is tried again; else it
-- is refused.
CREATE OR REPLACE FUNCTION credits_not_held(
    p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text,
    p_metadata jsonb, p_client uuid, p_now timestamptz, OUT outcome text, OUT hold_id uuid,
    OUT expires_at timestamptz, OUT balance numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
BEGIN
    IF credits_expire_holds_of(p_account, p_now) > 0 THEN
        SELECT * INTO outcome, hold_id, expires_at, balance, held, missing FROM credits_open_hold(
            p_account, p_amount, p_key, p_expires_in, p_overrun, p_reference, p_metadata, p_client);
    ELSE
        SELECT r.outcome, r.balance_after, r.held, r.missing INTO outcome, balance, held, missing
            FROM credits_refusal(p_account, p_amount, p_now) r;
    END IF;
END $$;

-- Handles a spend that can't simply be done: undoes its first step, and says whether it was done before or
-- what is missing. Overdue holds are released first: then it is tried again.
CREATE OR REPLACE FUNCTION credits_not_spent(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb, p_enough boolean,
    p_now timestamptz, OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric,
    OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    IF p_enough THEN
        UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version - 1 WHERE a.id = p_account;
    END IF;
    PERFORM set_config('credits.writer', '', true);
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (-p_amount, p_kind, p_reference, p_metadata)
                THEN 'repeated' ELSE 'conflict' END, e.id, e.version, e.balance_after, a.held, 0
        INTO outcome, entry_id, version, balance_after, held, missing
        FROM credits_entry e JOIN credits_account a ON a.id = p_account
        WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;

    -- What overdue holds keep is nobody's any more, whether their job has run or not. That may have waited for another
    -- writer, and nothing may be locked: what was missing can have come in meanwhile.
    missing := 0;
    IF credits_expire_holds_of(p_account, p_now) = 0 THEN
        SELECT r.outcome, r.version, r.balance_after, r.held, r.missing
            INTO outcome, version, balance_after, held, missing FROM credits_refusal(p_account, p_amount, p_now) r;
    END IF;
    IF missing <= 0 THEN
        SELECT * INTO outcome, entry_id, version, balance_after, held, missing
            FROM credits_spend(p_account, p_amount, p_kind, p_key, p_reference, p_metadata);
    END IF;
END $$;

-- Pays off what the account owes, as far as it has free credits, in their spending order.
CREATE OR REPLACE FUNCTION credits_offset_debt(p_account uuid, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
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

-- What each lot of an account has paid off, and since when. Before there were entries of their own for it, a lot that
-- came in lacked from the beginning what it had paid off.
CREATE OR REPLACE FUNCTION credits_offsets(p_account uuid)
RETURNS TABLE (lot bigint, amount numeric, since timestamptz)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT m.lot,
               sum(CASE WHEN e.kind = 'offset' THEN -m.amount ELSE l.amount - m.amount END), max(e.created_at)
        FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
        JOIN credits_lot l ON l.account_id = p_account AND l.id = m.lot
        WHERE e.account_id = p_account AND e.kind <> 'spend' AND e.owed <> 0
              AND (e.kind = 'offset' OR l.created_at = e.created_at AND credits_brings_in(e.kind))
        GROUP BY m.lot;
END $$;

-- How a locked account stands at the beginning of a batch: the seal of its last entry, the lots that can pay in their
-- order with what is free of each, and how much can be spent.
CREATE OR REPLACE FUNCTION credits_open_batch(
    p_account uuid, p_now timestamptz, OUT version bigint, OUT balance numeric, OUT held numeric, OUT hash bytea,
    OUT lots bigint[], OUT free numeric[], OUT can numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    SELECT a.version, a.balance, a.held, e.hash, l.lots, l.free, least(l.can, a.balance - a.held)
        INTO version, balance, held, hash, lots, free, can
        FROM credits_account a
        LEFT JOIN credits_entry e ON e.account_id = p_account AND e.version = a.version
        CROSS JOIN LATERAL (
            SELECT array_agg(o.id) AS lots, array_agg(o.free) AS free, coalesce(sum(o.free), 0) AS can
            FROM (SELECT x.id, x.remaining - x.held AS free FROM credits_lot x
                  WHERE x.account_id = p_account AND NOT x.exhausted AND x.remaining > x.held
                        AND (x.expires_at IS NULL OR x.expires_at > p_now)
                  ORDER BY x.expires_at, x.promotional DESC, x.id) o
        ) l
        WHERE a.id = p_account;
END $$;

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

-- What two stretches of the line have in common.
CREATE OR REPLACE FUNCTION credits_overlap(p_start numeric, p_stop numeric, p_low numeric, p_high numeric)
RETURNS numeric
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
AS $$
    SELECT greatest(0, least(p_stop, p_high) - greatest(p_start, p_low))
$$;

-- How much of each of these amounts, one after the other, makes up an amount.
CREATE OR REPLACE FUNCTION credits_parts(p_amounts numeric[], p_amount numeric)
RETURNS numeric[]
LANGUAGE plpgsql
IMMUTABLE
AS $$
DECLARE
    v_parts numeric[] := '{}';
    v_left numeric := p_amount;
    v_amount numeric;
BEGIN
    FOREACH v_amount IN ARRAY p_amounts LOOP
        v_parts := v_parts || least(v_amount, v_left);
        v_left := v_left - least(v_amount, v_left);
    END LOOP;
    RETURN v_parts;
END $$;

-- Which lots would pay an amount, and how much each: the one that expires first, promotional before paid, the older
-- first. Only what is not held, of lots that have not expired. "missing" is what they don't cover.
CREATE OR REPLACE FUNCTION credits_pick(
    p_account uuid, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[], OUT missing
    numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_lot record;
BEGIN
    lots := '{}';
    taken := '{}';
    missing := p_amount;
    FOR v_lot IN
        SELECT l.id, l.remaining - l.held AS free FROM credits_lot l
        WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held
              AND (l.expires_at IS NULL OR l.expires_at > p_now)
        ORDER BY l.expires_at, l.promotional DESC, l.id
    LOOP
        EXIT WHEN missing = 0;
        lots := lots || v_lot.id;
        taken := taken || least(v_lot.free, missing);
        missing := missing - least(v_lot.free, missing);
    END LOOP;
END $$;

-- As credits_pick, but that one lot pays first.
CREATE OR REPLACE FUNCTION credits_pick_from(
    p_account uuid, p_lot bigint, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[],
    OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
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

-- As credits_pick, without what was bought less than "p_fresh" ago.
CREATE OR REPLACE FUNCTION credits_pick_given(
    p_account uuid, p_amount numeric, p_now timestamptz, p_fresh interval, OUT lots bigint[], OUT taken
    numeric[], OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
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

-- Which lots pay what a capture is above its hold, as credits_pick; "owed" is what they don't cover. Overdue holds give
-- back first.
CREATE OR REPLACE FUNCTION credits_pick_surplus(
    p_account uuid, p_surplus numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[], OUT owed numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_free numeric;
BEGIN
    lots := '{}';
    taken := '{}';
    owed := p_surplus;
    IF p_surplus > 0 THEN
        PERFORM credits_expire_holds_of(p_account, p_now);
        SELECT greatest(0, a.balance - a.held) INTO v_free FROM credits_account a WHERE a.id = p_account;
        SELECT p.lots, p.taken INTO lots, taken FROM credits_pick(p_account, least(p_surplus, v_free), p_now) p;
        owed := p_surplus - credits_total(taken);
    END IF;
END $$;

-- Pins lots to a hold, or lets them go where the amounts are negative.
CREATE OR REPLACE FUNCTION credits_pin_lots(p_account uuid, p_lots bigint[], p_amounts numeric[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE credits_lot l SET held = l.held + t.amount
        FROM unnest(p_lots, p_amounts) AS t (id, amount)
        WHERE l.account_id = p_account AND l.id = t.id AND t.amount <> 0;
END $$;

-- Refuses an account whose lots come to another sum.
CREATE OR REPLACE FUNCTION credits_raise_lots_differ(
    p_account uuid, p_balance numeric, p_debt numeric, p_left numeric
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM credits_refuse('credits_balance_equals_lots', 'credits_account', format(
        'account %s: its balance %s is not what its lots have left (%s) less its debt (%s)',
        p_account, p_balance, p_left, p_debt));
END $$;

-- Brings what another account gave into this one, as one entry. What was bought with is nobody's business here: the
-- reference is the gift's.
CREATE OR REPLACE FUNCTION credits_receive(
    p_account uuid, p_from uuid, p_lots bigint[], p_taken numeric[], p_key text, p_reference text, p_metadata jsonb,
    p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_amount numeric := credits_total(p_taken);
    v_version bigint;
    v_balance numeric;
    v_given record;
    v_lot bigint;
    v_place int;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
    v_entry bigint;
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance + v_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO v_version, v_balance;
    FOR v_given IN
        SELECT l.*, t.taken FROM unnest(p_lots, p_taken) WITH ORDINALITY AS t (id, taken, place)
        JOIN credits_lot l ON l.account_id = p_from AND l.id = t.id ORDER BY t.place
    LOOP
        v_lot := credits_receive_lot(
            p_account, v_given.taken, v_given.promotional, v_given.cost_minor,
            CASE WHEN v_given.cost_minor IS NOT NULL THEN coalesce(v_given.cost_credits, v_given.amount) END,
            v_given.currency, coalesce(v_given.origin_lot, v_given.id), coalesce(v_given.origin_account, p_from),
            v_given.expires_at, p_reference, p_now);
        v_place := array_position(v_lots, v_lot);
        IF v_place IS NULL THEN
            v_lots := v_lots || v_lot;
            v_moved := v_moved || v_given.taken;
        ELSE
            v_moved[v_place] := v_moved[v_place] + v_given.taken;
        END IF;
    END LOOP;
    PERFORM set_config('credits.writer', '', true);
    v_entry := credits_append(p_account, v_version, 'gift_received', v_amount, v_balance, 0, v_lots, v_moved, p_key,
                              p_reference, p_metadata, p_now);
    PERFORM credits_claim_freed(p_account, v_lots, p_now);
    RETURN v_entry;
END $$;

-- Puts what came from one lot of a giver into a lot of the receiver. It arrives as a lot of its own, with its
-- expiry, its kind and its cost, and remembers the lot that it first came in with; credits whose first lot is the
-- receiver's own go back to it. So a gift makes no credits live longer, cost nothing else, and hides none from a
-- clawback.
CREATE OR REPLACE FUNCTION credits_receive_lot(
    p_account uuid, p_amount numeric, p_promotional boolean, p_cost_minor bigint, p_cost_credits numeric,
    p_currency text, p_origin_lot bigint, p_origin_account uuid, p_expires_at timestamptz, p_reference text,
    p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
    IF p_origin_account = p_account THEN
        -- They may have been given time while they were away.
        UPDATE credits_lot l
            SET remaining = l.remaining + p_amount, exhausted = false,
                expires_at = greatest(l.expires_at, p_expires_at),
                extended_by = l.extended_by
                    + make_interval(secs => greatest(0, extract(epoch FROM p_expires_at - l.expires_at)))
            WHERE l.account_id = p_account AND l.id = p_origin_lot;
        RETURN p_origin_lot;
    END IF;
    RETURN credits_add_lot(p_account, p_amount, p_promotional, p_cost_minor, p_cost_credits, p_currency, p_origin_lot,
                           p_origin_account, p_expires_at, p_reference, p_now);
END $$;

-- Why an amount can't be had from an account.
CREATE OR REPLACE FUNCTION credits_refusal(
    p_account uuid, p_amount numeric, p_now timestamptz,
    OUT outcome text, OUT version bigint, OUT balance_after numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    SELECT 'insufficient', a.version, a.balance, a.held,
           p_amount - least(a.balance - a.held, (
               SELECT coalesce(sum(l.remaining - l.held), 0) FROM credits_lot l
               WHERE l.account_id = p_account AND NOT l.exhausted AND (l.expires_at IS NULL OR l.expires_at > p_now)
           ))
        INTO outcome, version, balance_after, held, missing
        FROM credits_account a WHERE a.id = p_account;
    IF NOT FOUND THEN
        outcome := 'unknown_account';
    END IF;
END $$;

-- Refuses what was written, by the name of the rule that it breaks.
CREATE OR REPLACE FUNCTION credits_refuse(p_constraint text, p_table text, p_message text)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = p_constraint, TABLE = p_table, MESSAGE = p_message;
END $$;

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

-- Checks a new entry against its account, its lots and the entry before it; gives its seal.
CREATE OR REPLACE FUNCTION credits_seal(
    p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric,
    p_lots bigint[], p_moved numeric[], p_created_at timestamptz, p_key text
)
RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
    v_version bigint;
    v_balance numeric;
    v_debt numeric;
    v_left numeric;
    v_before numeric;
    v_hash bytea;
BEGIN
    SELECT a.version, a.balance, a.debt, e.balance_after, e.hash,
           (SELECT coalesce(sum(l.remaining), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_version, v_balance, v_debt, v_before, v_hash, v_left
        FROM credits_account a
        LEFT JOIN credits_entry e ON e.account_id = p_account AND e.version = p_version - 1
        WHERE a.id = p_account;
    IF v_version IS DISTINCT FROM p_version OR v_balance <> p_balance_after THEN
        PERFORM credits_refuse('credits_balance_equals_entries', 'credits_entry', format(
            'account %s has %s at version %s, its new entry says %s at %s',
            p_account, v_balance, v_version, p_balance_after, p_version));
    END IF;
    IF (v_before IS NULL AND p_version <> 1) OR p_balance_after <> coalesce(v_before, 0) + p_amount THEN
        PERFORM credits_refuse('credits_entry_continues_the_balance', 'credits_entry', format(
            'account %s: version %s with %s does not go on from the entry before it',
            p_account, p_version, p_balance_after));
    END IF;
    IF v_balance + v_debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_balance, v_debt, v_left);
    END IF;
    PERFORM credits_verify_movements(p_account, p_amount, p_owed, p_lots, p_moved);
    RETURN credits_entry_hash(v_hash, p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved,
                              p_created_at, p_key);
END $$;

-- What the trigger on entries does: see credits/models/entries.py. Nobody but the ledger's own functions may bring a
-- seal along: the entries of a batch, which the trigger on their account checks together, and a spend from one lot.
CREATE OR REPLACE FUNCTION credits_seal_entry()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.hash = '' OR coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch') THEN
        NEW.hash := credits_seal(NEW.account_id, NEW.version, NEW.kind, NEW.amount, NEW.balance_after, NEW.owed,
                                 NEW.lots, NEW.moved, NEW.created_at, NEW.key);
    END IF;
    RETURN NEW;
END $$;

-- Brings a lot to what its clawbacks come to now, in an account that the caller has locked. "taken" and "owed" are what
-- changed (below zero: came back, is owed no more); where neither did, there is no entry.
--
-- What refunds and disputes have to take from a lot is worked out from what stands, never added up: from the lot's
-- clawbacks in their order, and from where its credits went. The lot is a line. First on it are the credits that can be
-- taken: those that are free, those taken before, and those that paid off a debt (which is then owed again). Then come
-- those that a hold has set aside, those that were spent (used, or given away), and last those that nobody had the use
-- of: expired, forfeited, taken by staff. The clawbacks cover the line from its beginning, one after the other; what
-- each covers is what comes of it.
CREATE OR REPLACE FUNCTION credits_settle_clawbacks(
    p_account uuid, p_lot bigint, p_kind text, p_metadata jsonb, p_now timestamptz,
    OUT entry_id bigint, OUT taken numeric, OUT owed numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_closed boolean;
    v_lot record;
    v_flows record;
    v_since timestamptz;
    v_free numeric;
    v_takeable numeric;
BEGIN
    -- What expires is nobody's to take, whether its job has run or not; but for what was claimed while it was held.
    IF NOT EXISTS (
        SELECT FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.pending > 0
    ) THEN
        PERFORM credits_expire_lots_of(p_account);
    END IF;
    v_closed := (SELECT a.closed_at IS NOT NULL FROM credits_account a WHERE a.id = p_account);
    SELECT l.amount, l.remaining, l.held INTO v_lot
        FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot;
    SELECT * INTO v_flows FROM credits_lot_flows(p_account, p_lot);
    v_free := v_lot.remaining - v_lot.held;
    v_takeable := v_free + v_flows.taken + v_flows.offset_debt;
    SELECT s.taken - v_flows.taken, s.owed - v_flows.owed, s.since INTO taken, owed, v_since
        FROM credits_share_out(p_account, p_lot, v_takeable, v_lot.held,
                               v_lot.amount - v_takeable - v_lot.held - v_flows.lost, v_closed, p_now) s;
    entry_id := credits_book_clawback(p_account, p_lot, taken, owed, v_free, v_since, p_kind, p_metadata, p_now);
    PERFORM credits_offset_debt(p_account, p_now);
    IF v_closed THEN
        PERFORM credits_forfeit(p_account, p_now);
    END IF;
END $$;

-- Writes down what each clawback of a lot covers. What all of them took and are owed; "since" is since when the credits
-- were away that one of them releases.
CREATE OR REPLACE FUNCTION credits_share_out(
    p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean,
    p_now timestamptz, OUT taken numeric, OUT owed numeric, OUT since timestamptz
)
RETURNS record
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH shares AS MATERIALIZED (
        SELECT * FROM credits_clawback_shares(p_account, p_lot, p_takeable, p_held, p_spent, p_closed)
    ), before AS (
        SELECT min(c.taken_since) AS since FROM credits_clawback c JOIN shares s ON s.id = c.id
        WHERE c.account_id = p_account AND s.taken < c.taken
    ), settled AS (
        UPDATE credits_clawback c
            SET taken = s.taken, pending = s.pending, owed = s.owed, waived = c.amount - s.taken - s.pending - s.owed,
                taken_since = CASE WHEN s.taken > 0 THEN coalesce(c.taken_since, p_now) END
            FROM shares s WHERE c.account_id = p_account AND c.id = s.id RETURNING s.taken, s.owed
    )
    SELECT coalesce(sum(t.taken), 0), coalesce(sum(t.owed), 0), (SELECT b.since FROM before b)
        INTO taken, owed, since FROM settled t;
END $$;

-- Takes credits out, once per key, never more than there are. The one row says how it went:
-- done | repeated | conflict | insufficient (then "missing" are lacking) | unknown_account.
-- No bitmap, no sort: they take longer to set up than the handful of lots takes to read from the index in its order.
CREATE OR REPLACE FUNCTION credits_spend(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb, OUT outcome text,
    OUT entry_id bigint, OUT version bigint, OUT balance_after numeric, OUT held numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
SET enable_bitmapscan TO 'off'
SET enable_sort TO 'off'
AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_enough boolean;
    v_before record;
    v_lots bigint[];
    v_moved numeric[];
    v_hash bytea := '';
    v_writer text := set_config('credits.writer', 'ledger', true);
BEGIN
    -- Lock, look and take in one: the row that a waiting writer finds is the one that the writer before it left.
    UPDATE credits_account a SET balance = a.balance - p_amount, version = a.version + 1
        WHERE a.id = p_account AND a.balance - a.held >= p_amount
        RETURNING a.balance, a.version, a.held INTO balance_after, version, held;
    v_enough := FOUND;
    v_now := clock_timestamp();

    -- In one look: the entry that this one follows, and the one that has its key already.
    SELECT b.balance_after, b.hash, e.id AS same_key INTO v_before
        FROM (VALUES (true)) AS always
        LEFT JOIN credits_entry b ON b.account_id = p_account AND b.version = credits_spend.version - 1
        LEFT JOIN credits_entry e ON e.account_id = p_account AND e.key = p_key;

    IF v_enough AND v_before.same_key IS NULL THEN
        SELECT * INTO v_lots, v_moved, missing FROM credits_take_in_order(p_account, p_amount, v_now);
        -- The same amount went out of account and lot. Where the entry before says so too, the trigger on entries has
        -- nothing left to look for; where it doesn't, the trigger says what is wrong.
        IF cardinality(v_lots) = 1 AND v_before.balance_after = balance_after + p_amount THEN
            v_hash := credits_entry_hash(v_before.hash, p_account, version, p_kind, -p_amount, balance_after, 0, v_lots,
                                         v_moved, v_now, p_key);
        END IF;
        IF missing = 0 THEN
            INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, lots, moved, key, reference,
                                       metadata, created_at, hash)
                VALUES (p_account, version, p_kind, -p_amount, balance_after, v_lots, v_moved, p_key, p_reference,
                        p_metadata, v_now, v_hash) RETURNING id INTO entry_id;
            v_writer := set_config('credits.writer', '', true);
            outcome := 'done';
            RETURN;
        END IF;
    END IF;
    SELECT * INTO outcome, entry_id, version, balance_after, held, missing
        FROM credits_not_spent(p_account, p_amount, p_kind, p_key, p_reference, p_metadata, v_enough, v_now);
END $$;

-- Several spends under different keys, of accounts that the caller has locked, as if done one after the other.
-- "p_first" is the place of the first. Entries are sealed here and written together at the end; the trigger on their
-- account checks them at commit.
CREATE OR REPLACE FUNCTION credits_spend_batch(
    p_first bigint, p_accounts uuid[], p_amounts numeric[], p_keys text[], p_references text[], p_metadata jsonb[]
)
RETURNS TABLE (place bigint, outcome text, entry_id bigint, balance_after numeric, held numeric, missing numeric)
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_item record;
    -- The account whose items come now: how it stands, the seal of its last entry.
    v_account uuid;
    v_balance numeric;
    v_held numeric;
    v_version bigint;
    v_hash bytea;
    -- Its lots that can pay, in their order, where we are in them, and how much can be spent.
    v_lots bigint[];
    v_free numeric[];
    v_lot int;
    v_can numeric;
    v_need numeric;
    v_part numeric;
    v_entry credits_entry;
    v_entries credits_entry[] := '{}';
BEGIN
    v_entry.kind := 'spend';
    v_entry.owed := 0;
    v_entry.created_at := clock_timestamp();
    FOR v_item IN
        SELECT i.*, e.id AS earlier, e.balance_after AS earlier_balance,
               (e.amount, e.kind, e.reference, e.metadata) = (-i.amount, 'spend', i.reference, i.metadata) AS same
        FROM unnest(p_accounts, p_amounts, p_keys, p_references, p_metadata)
            WITH ORDINALITY AS i (account, amount, key, reference, metadata, place)
        LEFT JOIN credits_entry e ON e.account_id = i.account AND e.key = i.key
        ORDER BY i.account, i.place
    LOOP
        IF v_account IS DISTINCT FROM v_item.account THEN
            v_account := v_item.account;
            v_lot := 1;
            SELECT * INTO v_version, v_balance, v_held, v_hash, v_lots, v_free, v_can
                FROM credits_open_batch(v_account, v_entry.created_at);
        END IF;
        place := p_first + v_item.place - 1;
        held := v_held;
        entry_id := v_item.earlier;
        balance_after := v_balance;
        missing := 0;
        IF v_version IS NULL THEN
            outcome := 'unknown_account';
        ELSIF v_item.earlier IS NOT NULL THEN
            outcome := CASE WHEN v_item.same THEN 'repeated' ELSE 'conflict' END;
            balance_after := v_item.earlier_balance;
        ELSIF v_item.amount > v_can THEN
            outcome := 'insufficient';
            missing := v_item.amount - v_can;
        ELSE
            outcome := 'done';
            v_entry.lots := '{}';
            v_entry.moved := '{}';
            v_need := v_item.amount;
            WHILE v_need > 0 LOOP
                v_part := least(v_need, v_free[v_lot]);
                v_entry.lots := v_entry.lots || v_lots[v_lot];
                v_entry.moved := v_entry.moved || -v_part;
                v_need := v_need - v_part;
                v_free[v_lot] := v_free[v_lot] - v_part;
                v_lot := v_lot + (v_free[v_lot] = 0)::int;
            END LOOP;
            v_can := v_can - v_item.amount;
            v_balance := v_balance - v_item.amount;
            v_version := v_version + 1;
            v_hash := credits_entry_hash(v_hash, v_account, v_version, 'spend', -v_item.amount, v_balance, 0,
                                         v_entry.lots, v_entry.moved, v_entry.created_at, v_item.key);
            v_entry.id := nextval('credits_entry_id_seq');
            v_entry.account_id := v_account;
            v_entry.version := v_version;
            v_entry.amount := -v_item.amount;
            v_entry.balance_after := v_balance;
            v_entry.key := v_item.key;
            v_entry.reference := v_item.reference;
            v_entry.metadata := v_item.metadata;
            v_entry.hash := v_hash;
            v_entries := v_entries || v_entry;
            entry_id := v_entry.id;
            balance_after := v_balance;
        END IF;
        RETURN NEXT;
    END LOOP;

    PERFORM set_config('credits.writer', 'batch', true);
    UPDATE credits_lot l SET remaining = l.remaining + m.moved, exhausted = (l.remaining + m.moved = 0)
        FROM (SELECT e.account_id, m.lot, sum(m.moved) AS moved
              FROM unnest(v_entries) e, unnest(e.lots, e.moved) AS m (lot, moved) GROUP BY e.account_id, m.lot) m
        WHERE l.account_id = m.account_id AND l.id = m.lot;
    UPDATE credits_account a SET balance = e.balance_after, version = e.version
        FROM (SELECT DISTINCT ON (account_id) account_id, balance_after, version
              FROM unnest(v_entries) ORDER BY account_id, version DESC) e
        WHERE a.id = e.account_id;
    INSERT INTO credits_entry SELECT * FROM unnest(v_entries);
    PERFORM set_config('credits.writer', '', true);
END $$;

-- Many spends in one statement, each as if done by itself and in this order. One row for each, by its place in the
-- arrays. A key that comes again finds what came of it before: with it a new batch begins.
CREATE OR REPLACE FUNCTION credits_spend_many(
    p_accounts uuid[], p_amounts numeric[], p_keys text[], p_references text[], p_metadata jsonb[]
)
RETURNS TABLE (place bigint, outcome text, entry_id bigint, balance_after numeric, held numeric, missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_begins bigint;
    v_from bigint := 1;
BEGIN
    -- All rows first and in one order, so that two batches don't wait for each other.
    PERFORM credits_lock_for_batch(ARRAY(SELECT DISTINCT u.account FROM unnest(p_accounts) AS u (account) ORDER BY 1));
    FOR v_begins IN
        SELECT t.place FROM (
            SELECT u.place, row_number() OVER (PARTITION BY u.account, u.key COLLATE "C" ORDER BY u.place) AS time
            FROM unnest(p_accounts, p_keys) WITH ORDINALITY AS u (account, key, place)
        ) t
        WHERE t.time > 1
        UNION ALL SELECT cardinality(p_accounts) + 1
        ORDER BY 1
    LOOP
        RETURN QUERY SELECT * FROM credits_spend_batch(
            v_from, p_accounts[v_from:v_begins - 1], p_amounts[v_from:v_begins - 1], p_keys[v_from:v_begins - 1],
            p_references[v_from:v_begins - 1], p_metadata[v_from:v_begins - 1]);
        v_from := v_begins;
    END LOOP;
END $$;

-- Writes down which clawbacks of a lot stand. Those that stand no more claim nothing. One of another account is refused
-- by its primary key.
CREATE OR REPLACE FUNCTION credits_state_clawbacks(
    p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamptz[], p_kinds text[], p_policies text[],
    p_amounts numeric[], p_metadata jsonb[], p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_stated bigint;
BEGIN
    UPDATE credits_clawback c SET amount = 0
        WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.amount > 0 AND NOT c.id = ANY (p_ids);
    INSERT INTO credits_clawback AS c (id, account_id, lot_id, at, position, kind, policy, amount, metadata, created_at)
        SELECT u.id, p_account, p_lot, u.at, u.position, u.kind, u.policy, u.amount, u.metadata, p_now
        FROM unnest(p_ids, p_ats, p_kinds, p_policies, p_amounts, p_metadata)
            WITH ORDINALITY AS u (id, at, kind, policy, amount, metadata, position)
        ON CONFLICT (id) DO UPDATE SET at = excluded.at, position = excluded.position, policy = excluded.policy,
            amount = excluded.amount, metadata = excluded.metadata,
            owed = CASE WHEN excluded.policy = 'debt' THEN c.owed ELSE 0 END
            WHERE c.account_id = p_account;
    GET DIAGNOSTICS v_stated = ROW_COUNT;
    IF v_stated < cardinality(p_ids) THEN
        RAISE unique_violation USING
            CONSTRAINT = 'credits_clawback_pkey', TABLE = 'credits_clawback',
            MESSAGE = format('account %s: one of its claims is on a lot of another account', p_account);
    END IF;
END $$;

-- Takes from lots what was picked from each, as one entry.
CREATE OR REPLACE FUNCTION credits_take(
    p_account uuid, p_kind text, p_lots bigint[], p_taken numeric[], p_key text, p_reference text, p_metadata jsonb,
    p_now timestamptz, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_amount numeric := credits_total(p_taken);
    v_moved numeric[] := credits_negated(p_taken);
BEGIN
    PERFORM set_config('credits.writer', 'ledger', true);
    UPDATE credits_account a SET balance = a.balance - v_amount, version = a.version + 1
        WHERE a.id = p_account RETURNING a.version, a.balance INTO version, balance_after;
    PERFORM credits_add_to_lots(p_account, p_lots, v_moved);
    PERFORM set_config('credits.writer', '', true);
    entry_id := credits_append(p_account, version, p_kind, -v_amount, balance_after, 0, p_lots, v_moved, p_key,
                               p_reference, p_metadata, p_now);
END $$;

-- Takes what an adjustment gave, from its own lot first, where the account has it: done | insufficient.
CREATE OR REPLACE FUNCTION credits_take_back(
    p_account uuid, p_lot bigint, p_amount numeric, p_balance numeric, p_key text, p_reference text,
    p_metadata jsonb, p_now timestamptz,
    OUT outcome text, OUT entry_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_picked record;
BEGIN
    SELECT * INTO v_picked FROM credits_pick_from(p_account, p_lot, p_amount, p_now);
    outcome := CASE WHEN v_picked.missing > 0 THEN 'insufficient' ELSE 'done' END;
    missing := v_picked.missing;
    balance_after := p_balance;
    IF outcome = 'done' THEN
        SELECT t.entry_id, t.balance_after INTO entry_id, balance_after FROM credits_take(
            p_account, 'adjustment', v_picked.lots, v_picked.taken, p_key, p_reference, p_metadata, p_now) t;
    END IF;
END $$;

-- Takes an amount from the lots that would pay it, where they cover it. The balance counts lots that have expired since
-- the expiry job last ran: what they would have paid is "missing", and nothing is taken.
CREATE OR REPLACE FUNCTION credits_take_in_order(
    p_account uuid, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT moved numeric[], OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_lot bigint;
BEGIN
    -- Most of the time the first lot covers it all.
    UPDATE credits_lot l SET remaining = l.remaining - p_amount, exhausted = (l.remaining = p_amount)
        WHERE l.account_id = p_account AND l.id = (
                SELECT x.id FROM credits_lot x
                WHERE x.account_id = p_account AND NOT x.exhausted AND x.remaining > x.held
                      AND (x.expires_at IS NULL OR x.expires_at > p_now)
                ORDER BY x.expires_at, x.promotional DESC, x.id LIMIT 1
            ) AND l.remaining - l.held >= p_amount
        RETURNING l.id INTO v_lot;
    IF FOUND THEN
        lots := ARRAY[v_lot];
        moved := ARRAY[-p_amount];
        missing := 0;
        RETURN;
    END IF;
    SELECT p.lots, credits_negated(p.taken), p.missing INTO lots, moved, missing
        FROM credits_pick(p_account, p_amount, p_now) p;
    IF missing = 0 THEN
        PERFORM credits_add_to_lots(p_account, lots, moved);
    END IF;
END $$;

-- The sum of an array. In CHECK constraints, where a subquery can't stand. Not in SQL: each statement would look
-- whether it can be inlined.
CREATE OR REPLACE FUNCTION credits_total(p_amounts numeric[])
RETURNS numeric
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE STRICT
AS $$
BEGIN
    RETURN (SELECT coalesce(sum(amount), 0) FROM unnest(p_amounts) AS amount);
END $$;

-- Gives credits of one account to another, once per key of the giver. What was bought less than "p_fresh" ago is not
-- given. outcome: done | repeated | conflict | insufficient (then "missing" are lacking) | fresh (they are there, but
-- too fresh) | unknown_account | unknown_receiver | closed_receiver | same_account.
CREATE OR REPLACE FUNCTION credits_transfer(
    p_from uuid, p_to uuid, p_amount numeric, p_key text, p_reference text, p_metadata jsonb, p_fresh interval,
    OUT outcome text, OUT sent_id bigint, OUT received_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('to', p_to);
    v_now timestamptz;
    v_version bigint;
    v_picked record;
BEGIN
    -- Two statements, in one order, so that two gifts that cross don't wait for each other.
    PERFORM FROM credits_account a WHERE a.id = least(p_from, p_to) FOR NO KEY UPDATE;
    PERFORM FROM credits_account a WHERE a.id = greatest(p_from, p_to) FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    outcome := credits_transfer_refused(p_from, p_to);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (-p_amount, 'gift_sent', p_reference, v_metadata)
                THEN 'repeated' ELSE 'conflict' END, e.id, e.version, e.balance_after
        INTO outcome, sent_id, v_version, balance_after
        FROM credits_entry e WHERE e.account_id = p_from AND e.key = p_key;
    IF FOUND THEN
        received_id := (SELECT e.id FROM credits_entry e
                        WHERE e.account_id = p_to AND e.key = format('gift:%s:%s', p_from, v_version));
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    IF v_picked.missing > 0 AND credits_expire_holds_of(p_from, v_now) > 0 THEN
        SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    END IF;
    IF v_picked.missing > 0 THEN
        SELECT CASE WHEN r.missing > 0 THEN 'insufficient' ELSE 'fresh' END, r.balance_after,
               CASE WHEN r.missing > 0 THEN r.missing ELSE v_picked.missing END
            INTO outcome, balance_after, missing FROM credits_refusal(p_from, p_amount, v_now) r;
        RETURN;
    END IF;
    SELECT * INTO sent_id, v_version, balance_after FROM credits_take(
        p_from, 'gift_sent', v_picked.lots, v_picked.taken, p_key, p_reference, v_metadata, v_now);
    received_id := credits_receive(
        p_to, p_from, v_picked.lots, v_picked.taken, format('gift:%s:%s', p_from, v_version), p_reference,
        p_metadata || jsonb_build_object('from', p_from), v_now);
    outcome := 'done';
END $$;

-- Why nothing can be given from one account to the other, whatever it is; null where it can.
CREATE OR REPLACE FUNCTION credits_transfer_refused(p_from uuid, p_to uuid)
RETURNS text
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN CASE
        WHEN p_from = p_to THEN 'same_account'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_to) THEN 'unknown_receiver'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_from) THEN 'unknown_account'
        WHEN (SELECT a.closed_at FROM credits_account a WHERE a.id = p_to) IS NOT NULL THEN 'closed_receiver'
    END;
END $$;

-- Undoes an adjustment as itself, once per key. What it gave is taken from its own lot first, then in the order of
-- spending; what it took goes back to the very lots. "p_amount" is what credits_undo_amount said. outcome: done |
-- repeated | conflict | changed (it would be another amount now) | insufficient | closed | unknown_entry.
CREATE OR REPLACE FUNCTION credits_undo(
    p_account uuid, p_entry bigint, p_amount numeric, p_key text, p_reference text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('undoes', p_entry);
    v_closed_at timestamptz;
    v_entry record;
    v_now timestamptz;
BEGIN
    SELECT a.closed_at INTO v_closed_at FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    missing := 0;
    SELECT e.id, e.balance_after,
           CASE WHEN (e.amount, e.kind, e.reference, e.metadata) = (p_amount, 'adjustment', p_reference, v_metadata)
                THEN 'repeated' ELSE 'conflict' END
        INTO entry_id, balance_after, outcome FROM credits_entry e WHERE e.account_id = p_account AND e.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM credits_expire_holds_of(p_account, v_now);
    PERFORM credits_expire_lots_of(p_account);
    SELECT e.id, e.lots, e.moved, e.created_at INTO v_entry
        FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    balance_after := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
    outcome := CASE
        WHEN v_entry.id IS NULL THEN 'unknown_entry'
        WHEN v_closed_at IS NOT NULL THEN 'closed'
        WHEN credits_undo_amount(p_account, p_entry) <> p_amount OR p_amount = 0 THEN 'changed'
        ELSE 'done'
    END;
    IF outcome = 'done' AND p_amount > 0 THEN
        SELECT * INTO entry_id, balance_after FROM credits_give_back(
            p_account, v_entry.lots, v_entry.moved, v_entry.created_at, p_key, p_reference, v_metadata, v_now);
    ELSIF outcome = 'done' THEN
        SELECT * INTO outcome, entry_id, balance_after, missing FROM credits_take_back(
            p_account, v_entry.lots[1], -p_amount, balance_after, p_key, p_reference, v_metadata, v_now);
    END IF;
END $$;

-- What undoing an entry of an adjustment would book now: what it gave and is not gone by itself (expired, booked out
-- or not, forfeited, taken by staff) below zero, what it took above zero; nothing where it was undone; null where
-- there is no such entry.
CREATE OR REPLACE FUNCTION credits_undo_amount(p_account uuid, p_entry bigint)
RETURNS numeric
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_entry record;
BEGIN
    SELECT e.amount, e.lots, e.created_at INTO v_entry
        FROM credits_entry e WHERE e.account_id = p_account AND e.id = p_entry AND e.kind = 'adjustment';
    IF EXISTS (
        SELECT FROM credits_entry e
        WHERE e.account_id = p_account AND e.kind = 'adjustment' AND e.metadata -> 'undoes' = to_jsonb(p_entry)
    ) THEN
        RETURN 0;
    END IF;
    IF v_entry.amount < 0 OR cardinality(v_entry.lots) > 1 OR NOT EXISTS (
        SELECT FROM credits_lot l
        WHERE l.account_id = p_account AND l.id = v_entry.lots[1] AND l.created_at = v_entry.created_at
    ) THEN
        RETURN -v_entry.amount;
    END IF;
    RETURN (
        SELECT f.lost - v_entry.amount
               + CASE WHEN l.expires_at <= clock_timestamp() THEN l.remaining - l.held ELSE 0 END
        FROM credits_lot l, credits_lot_flows(p_account, l.id) f
        WHERE l.account_id = p_account AND l.id = v_entry.lots[1]
    );
END $$;

-- Undoes the payment of so much debt: what was paid last in the spending order comes back first. It is owed again,
-- for the caller to reduce.
CREATE OR REPLACE FUNCTION credits_undo_offset(p_account uuid, p_amount numeric, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_paid record;
    v_left numeric := p_amount;
    v_lots bigint[] := '{}';
    v_moved numeric[] := '{}';
BEGIN
    PERFORM credits_expire_lots_of(p_account);
    FOR v_paid IN
        SELECT l.id, p.amount, p.since FROM credits_offsets(p_account) p
        JOIN credits_lot l ON l.account_id = p_account AND l.id = p.lot
        WHERE p.amount > 0
        ORDER BY l.expires_at DESC NULLS FIRST, l.promotional, l.id DESC
    LOOP
        EXIT WHEN v_left = 0;
        v_lots := v_lots || v_paid.id;
        v_moved := v_moved || least(v_left, v_paid.amount);
        v_left := v_left - least(v_left, v_paid.amount);
        PERFORM credits_extend_lot(p_account, v_paid.id, v_paid.since, p_now);
    END LOOP;
    IF v_left > 0 THEN
        PERFORM credits_refuse('credits_debt_equals_what_is_owed', 'credits_account', format(
            'account %s: %s more of its debt is gone than was ever paid', p_account, v_left));
    END IF;
    PERFORM credits_book_offset(p_account, v_lots, v_moved, p_now);
END $$;

-- At commit, for one change of an account's row: the entries of its new versions lead from the old balance to the new.
-- A new account has neither an old version nor an old balance.
CREATE OR REPLACE FUNCTION credits_verify_account(
    p_account uuid, p_old_version bigint, p_old_balance numeric, p_version bigint, p_balance numeric
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_from bigint := coalesce(p_old_version, 0);
    v_balance numeric := coalesce(p_old_balance, 0);
    v_count bigint;
    v_wrong bigint;
    v_last numeric;
    v_unmoved bigint;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE balance_after <> before + amount),
           max(balance_after) FILTER (WHERE version = p_version),
           count(*) FILTER (WHERE cardinality(lots) <> cardinality(moved) OR amount <> credits_moved(moved) - owed)
        INTO v_count, v_wrong, v_last, v_unmoved
        FROM (
            SELECT version, amount, balance_after, lots, moved, owed,
                   lag(balance_after, 1, v_balance) OVER (ORDER BY version) AS before
            FROM credits_entry
            WHERE account_id = p_account AND version > v_from AND version <= p_version
        ) AS entries;
    IF v_count <> p_version - v_from OR coalesce(v_last, v_balance) <> p_balance THEN
        PERFORM credits_refuse('credits_balance_equals_entries', 'credits_account', format(
            'account %s: its entries do not lead from %s at version %s to %s at version %s',
            p_account, v_balance, v_from, p_balance, p_version));
    END IF;
    IF v_wrong > 0 THEN
        PERFORM credits_refuse('credits_entry_continues_the_balance', 'credits_entry', format(
            'account %s: %s of its new entries do not go on from the one before', p_account, v_wrong));
    END IF;
    IF v_unmoved > 0 THEN
        PERFORM credits_refuse('credits_entry_equals_movements', 'credits_entry', format(
            'account %s: %s of its new entries are not what they moved', p_account, v_unmoved));
    END IF;
    PERFORM credits_verify_lots(p_account);
END $$;

-- At commit: what came of a clawback is all of it.
CREATE OR REPLACE FUNCTION credits_verify_clawback(p_account uuid, p_id uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_claim record;
BEGIN
    SELECT c.amount, c.taken, c.pending, c.owed, c.waived INTO v_claim
        FROM credits_clawback c WHERE c.account_id = p_account AND c.id = p_id;
    IF v_claim.amount <> v_claim.taken + v_claim.pending + v_claim.owed + v_claim.waived THEN
        PERFORM credits_refuse('credits_clawback_adds_up', 'credits_clawback', format(
            'clawback %s: of %s, %s were taken, %s are pending, %s owed and %s waived',
            p_id, v_claim.amount, v_claim.taken, v_claim.pending, v_claim.owed, v_claim.waived));
    END IF;
END $$;

-- At commit: an account that owes has nothing free.
CREATE OR REPLACE FUNCTION credits_verify_debt(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_debt numeric := (SELECT a.debt FROM credits_account a WHERE a.id = p_account);
    v_missing numeric := (SELECT p.missing FROM credits_pick(p_account, v_debt, clock_timestamp()) p);
BEGIN
    IF v_missing < v_debt THEN
        PERFORM credits_refuse('credits_owes_only_while_nothing_is_free', 'credits_account', format(
            'account %s: it owes %s, and %s of its credits are free', p_account, v_debt, v_debt - v_missing));
    END IF;
END $$;

-- What an account holds is what its open holds still hold, and what its lots have pinned.
CREATE OR REPLACE FUNCTION credits_verify_holds(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_held numeric;
    v_open numeric;
    v_pinned numeric;
BEGIN
    SELECT a.held,
           (SELECT coalesce(sum(h.remaining), 0) FROM credits_hold h
            WHERE h.account_id = p_account AND h.status = 'open'),
           (SELECT coalesce(sum(l.held), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_held, v_open, v_pinned
        FROM credits_account a WHERE a.id = p_account;
    IF v_held <> v_open OR v_held <> v_pinned THEN
        PERFORM credits_refuse('credits_held_equals_open_holds', 'credits_hold', format(
            'account %s: %s held, its open holds hold %s, its lots have pinned %s',
            p_account, v_held, v_open, v_pinned));
    END IF;
END $$;

-- At commit: the lots have left what the account says.
CREATE OR REPLACE FUNCTION credits_verify_lots(p_account uuid)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_balance numeric;
    v_debt numeric;
    v_left numeric;
BEGIN
    SELECT a.balance, a.debt,
           (SELECT coalesce(sum(l.remaining), 0) FROM credits_lot l WHERE l.account_id = p_account AND NOT l.exhausted)
        INTO v_balance, v_debt, v_left
        FROM credits_account a WHERE a.id = p_account;
    IF v_balance + v_debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_balance, v_debt, v_left);
    END IF;
END $$;

-- A new entry is what it moves less what it owes; and whoever isn't the ledger moves lots of its account, each once.
-- The ledger's own functions name lots that they have just read under this account. Two IFs, because an expression
-- with a query in it is started like a statement, whichever half of it decides.
CREATE OR REPLACE FUNCTION credits_verify_movements(
    p_account uuid, p_amount numeric, p_owed numeric, p_lots bigint[], p_moved numeric[]
)
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF cardinality(p_lots) <> cardinality(p_moved) OR p_amount <> credits_moved(p_moved) - p_owed THEN
        PERFORM credits_refuse('credits_entry_equals_movements', 'credits_entry', format(
            'account %s: its entry of %s moves %s in the lots %s and owes %s',
            p_account, p_amount, p_moved, p_lots, p_owed));
    END IF;
    IF current_setting('credits.writer', true) IS DISTINCT FROM 'ledger' THEN
        IF cardinality(p_lots) <> (
            SELECT count(*) FROM credits_lot l WHERE l.account_id = p_account AND l.id = ANY (p_lots)
        ) THEN
            PERFORM credits_refuse('credits_movement_within_one_account', 'credits_entry', format(
                'account %s: its entry moves a lot twice, or one of another account', p_account));
        END IF;
    END IF;
END $$;
