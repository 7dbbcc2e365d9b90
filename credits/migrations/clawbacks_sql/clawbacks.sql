-- Clawbacks. What refunds and disputes have to take from a lot is worked out from what stands, never added up: from the
-- lot's clawbacks in their order, and from where its credits went. The difference to what the entries say is booked.
--
-- The lot is a line. First on it are the credits that can be taken: those that are free, those taken before, and those that
-- paid off a debt (which is then owed again). Then come those that a hold has set aside, those that were spent (used, or
-- given away), and last those that nobody had the use of: expired, forfeited, taken by staff. The clawbacks cover the line
-- from its beginning, one after the other; what each covers is what comes of it.

-- Where a lot's credits went, but for those that were spent; and what is owed for those.
CREATE FUNCTION credits_lot_flows(
    p_account uuid, p_lot bigint, OUT taken numeric, OUT offset_debt numeric, OUT lost numeric, OUT owed numeric
) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
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

-- What two stretches of the line have in common.
CREATE FUNCTION credits_overlap(p_start numeric, p_stop numeric, p_low numeric, p_high numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(0, least(p_stop, p_high) - greatest(p_start, p_low))
$$;

-- What each clawback of a lot covers, where so much of the line can be taken, is held, and was spent.
CREATE FUNCTION credits_clawback_shares(
    p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean
) RETURNS TABLE (id uuid, taken numeric, pending numeric, owed numeric) LANGUAGE sql STABLE AS $$
    SELECT c.id,
           credits_overlap(c.start, c.stop, 0, p_takeable),
           credits_overlap(c.start, c.stop, p_takeable, p_takeable + p_held),
           CASE WHEN c.policy = 'debt' AND NOT p_closed
                THEN credits_overlap(c.start, c.stop, p_takeable + p_held, p_takeable + p_held + p_spent) ELSE 0 END
    FROM (
        SELECT c.id, c.policy, sum(c.amount) OVER line - c.amount AS start, sum(c.amount) OVER line AS stop
        FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot
        WINDOW line AS (ORDER BY c.position, c.id)
    ) c
$$;

-- Brings a lot to what its clawbacks come to now, in an account that the caller has locked. "taken" and "owed" are what
-- changed (below zero: came back, is owed no more); where neither did, there is no entry.
CREATE FUNCTION credits_settle_clawbacks(
    p_account uuid, p_lot bigint, p_kind text, p_metadata jsonb, p_now timestamptz,
    OUT entry_id bigint, OUT taken numeric, OUT owed numeric
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
    v_lot credits_lot;
    v_flows record;
    v_since timestamptz;
    v_free numeric;
    v_takeable numeric;
BEGIN
    -- What expires is nobody's to take, whether its job has run or not; but for what was claimed while it was held.
    IF NOT EXISTS (SELECT FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.pending > 0) THEN
        PERFORM credits_expire_lots_of(p_account);
    END IF;
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account;
    SELECT * INTO v_lot FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot;
    SELECT * INTO v_flows FROM credits_lot_flows(p_account, p_lot);
    v_free := v_lot.remaining - v_lot.held;
    v_takeable := v_free + v_flows.taken + v_flows.offset_debt;
    WITH shares AS MATERIALIZED (
        SELECT * FROM credits_clawback_shares(p_account, p_lot, v_takeable, v_lot.held,
                                              v_lot.amount - v_takeable - v_lot.held - v_flows.lost,
                                              v_account.closed_at IS NOT NULL)
    ), before AS (
        SELECT min(c.taken_since) AS since FROM credits_clawback c JOIN shares s ON s.id = c.id WHERE s.taken < c.taken
    ), settled AS (
        UPDATE credits_clawback c
            SET taken = s.taken, pending = s.pending, owed = s.owed, waived = c.amount - s.taken - s.pending - s.owed,
                taken_since = CASE WHEN s.taken > 0 THEN coalesce(c.taken_since, p_now) END
            FROM shares s WHERE c.id = s.id RETURNING s.taken, s.owed
    )
    SELECT coalesce(sum(t.taken), 0) - v_flows.taken, coalesce(sum(t.owed), 0) - v_flows.owed,
           (SELECT since FROM before)
        INTO taken, owed, v_since FROM settled t;
    entry_id := credits_book_clawback(p_account, p_lot, taken, owed, v_free, v_since, p_kind, p_metadata, p_now);
    PERFORM credits_offset_debt(p_account, p_now);
    IF v_account.closed_at IS NOT NULL THEN
        PERFORM credits_forfeit(p_account, p_now);
    END IF;
END $$;

-- Books what a lot's clawbacks changed. What isn't free paid off a debt: that is undone first. Where less is owed than was
-- paid off meanwhile, what paid for it comes back to its own lots.
CREATE FUNCTION credits_book_clawback(
    p_account uuid, p_lot bigint, p_taken numeric, p_owed numeric, p_free numeric, p_since timestamptz, p_kind text,
    p_metadata jsonb, p_now timestamptz
) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
BEGIN
    IF p_taken = 0 AND p_owed = 0 THEN
        RETURN NULL;
    END IF;
    IF p_taken > p_free THEN
        PERFORM credits_book_offset(p_account, ARRAY[p_lot], ARRAY[p_taken - p_free], p_now);
    END IF;
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account;
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
        WHERE a.id = p_account RETURNING a.* INTO v_account;
    PERFORM credits_add_to_lots(p_account, ARRAY[p_lot], ARRAY[-p_taken]);
    PERFORM set_config('credits.writer', '', true);
    RETURN credits_append(
        p_account, v_account.version, p_kind, -p_taken - p_owed, v_account.balance, p_owed, ARRAY[p_lot], ARRAY[-p_taken],
        format('clawback:%s:%s', p_lot, v_account.version),
        (SELECT l.reference FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot),
        p_metadata || jsonb_build_object('lot', p_lot), p_now);
END $$;

-- Says which clawbacks of a lot stand, in their order, in place of those before; and settles them. "p_kind" and
-- "p_metadata" are those of the entry, if there is one.
-- outcome: done | too_much (than the lot ever had) | conflict (a clawback of another lot) | unknown_lot.
CREATE FUNCTION credits_claw_back(
    p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamptz[], p_kinds text[], p_policies text[], p_amounts numeric[],
    p_claims_metadata jsonb[], p_kind text, p_metadata jsonb
) RETURNS TABLE (outcome text, entry_id bigint, taken numeric, owed numeric, balance numeric)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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
        WHEN EXISTS (SELECT FROM credits_clawback c WHERE c.id = ANY (p_ids) AND c.lot_id <> p_lot) THEN 'conflict'
        ELSE 'done'
    END;
    IF outcome = 'done' THEN
        PERFORM credits_expire_holds_of(p_account, v_now);
        UPDATE credits_clawback c SET amount = 0
            WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.amount > 0 AND NOT c.id = ANY (p_ids);
        INSERT INTO credits_clawback AS c (id, account_id, lot_id, at, position, kind, policy, amount, metadata, created_at)
            SELECT u.id, p_account, p_lot, u.at, u.position, u.kind, u.policy, u.amount, u.metadata, v_now
            FROM unnest(p_ids, p_ats, p_kinds, p_policies, p_amounts, p_claims_metadata)
                WITH ORDINALITY AS u (id, at, kind, policy, amount, metadata, position)
            ON CONFLICT (id) DO UPDATE SET at = excluded.at, position = excluded.position, policy = excluded.policy,
                amount = excluded.amount, metadata = excluded.metadata,
                owed = CASE WHEN excluded.policy = 'debt' THEN c.owed ELSE 0 END;
        SELECT s.* INTO entry_id, taken, owed FROM credits_settle_clawbacks(p_account, p_lot, p_kind, p_metadata, v_now) s;
    END IF;
    balance := (SELECT a.balance FROM credits_account a WHERE a.id = p_account);
    RETURN NEXT;
END $$;

-- Credits of these lots have become free: what clawbacks still claim of them is taken, a debt is paid off, and what a closed
-- account has free is forfeited. In an account that the caller has locked.
CREATE FUNCTION credits_claim_freed(p_account uuid, p_lots bigint[], p_now timestamptz) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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

-- At commit: what came of a clawback is all of it.
CREATE FUNCTION credits_verify_clawback(p_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_claim credits_clawback;
BEGIN
    SELECT * INTO v_claim FROM credits_clawback c WHERE c.id = p_id;
    IF v_claim.amount <> v_claim.taken + v_claim.pending + v_claim.owed + v_claim.waived THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_clawback_adds_up', TABLE = 'credits_clawback',
            MESSAGE = format('clawback %s: of %s, %s were taken, %s are pending, %s owed and %s waived', p_id,
                             v_claim.amount, v_claim.taken, v_claim.pending, v_claim.owed, v_claim.waived);
    END IF;
END $$;
