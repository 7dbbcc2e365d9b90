-- Bodies name functions that come later.
SET LOCAL check_function_bodies = off;

CREATE OR REPLACE FUNCTION credits_add_to_lots(p_account uuid, p_lots bigint[], p_moved numeric[])
 RETURNS void
 LANGUAGE sql
AS $function$
    UPDATE credits_lot l SET remaining = l.remaining + t.moved, exhausted = (l.remaining + t.moved = 0)
        FROM unnest(p_lots, p_moved) AS t (id, moved)
        WHERE l.account_id = p_account AND l.id = t.id AND t.moved <> 0
$function$;

CREATE OR REPLACE FUNCTION credits_append(p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric, p_lots bigint[], p_moved numeric[], p_key text, p_reference text, p_metadata jsonb, p_now timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
AS $function$
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, owed, lots, moved, key, reference,
                               metadata, created_at, hash)
    VALUES (p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved, p_key, p_reference,
            p_metadata, p_now, '')
    RETURNING id;
$function$;

CREATE OR REPLACE FUNCTION credits_book_clawback(p_account uuid, p_lot bigint, p_taken numeric, p_owed numeric, p_free numeric, p_since timestamp with time zone, p_kind text, p_metadata jsonb, p_now timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_book_offset(p_account uuid, p_lots bigint[], p_moved numeric[], p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_brings_in(p_kind text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT p_kind IN ('purchase', 'promotion', 'gift_received', 'adjustment')
$function$;

CREATE OR REPLACE FUNCTION credits_capture(p_hold uuid, p_amount numeric, p_key text, p_close boolean, p_reference text, p_metadata jsonb)
 RETURNS TABLE(outcome text, account_id uuid, entry_id bigint, version bigint, balance_after numeric, held numeric, hold_remaining numeric, missing numeric, status text, balance numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_claim_freed(p_account uuid, p_lots bigint[], p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_claw_back(p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamp with time zone[], p_kinds text[], p_policies text[], p_amounts numeric[], p_claims_metadata jsonb[], p_kind text, p_metadata jsonb)
 RETURNS TABLE(outcome text, entry_id bigint, taken numeric, owed numeric, balance numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_clawback_shares(p_account uuid, p_lot bigint, p_takeable numeric, p_held numeric, p_spent numeric, p_closed boolean)
 RETURNS TABLE(id uuid, taken numeric, pending numeric, owed numeric)
 LANGUAGE sql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION credits_close(p_account uuid)
 RETURNS numeric
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_entry_hash(p_previous bytea, p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric, p_lots bigint[], p_moved numeric[], p_created_at timestamp with time zone, p_key text)
 RETURNS bytea
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT sha256(coalesce(p_previous, ''::bytea) || convert_to(concat_ws(
        '|', p_account, p_version, p_kind, p_amount::numeric(24, 6), p_balance_after::numeric(24, 6),
        p_owed::numeric(24, 6), p_lots, p_moved::numeric(24, 6)[], extract(epoch FROM p_created_at), p_key
    ), 'UTF8'))
$function$;

CREATE OR REPLACE FUNCTION credits_expire_holds_of(p_account uuid, p_now timestamp with time zone)
 RETURNS bigint
 LANGUAGE sql
AS $function$
    SELECT count(*) FILTER (WHERE r.outcome = 'done')
    FROM (SELECT h.id FROM credits_hold h
          WHERE h.account_id = p_account AND h.status = 'open' AND h.expires_at <= p_now) overdue,
         LATERAL credits_release(overdue.id, true) r;
$function$;

CREATE OR REPLACE FUNCTION credits_expire_lots_of(p_account uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    v_account credits_account;
    v_lot record;
    v_now timestamptz;
    v_count bigint := 0;
BEGIN
    SELECT * INTO v_account FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    FOR v_lot IN
        SELECT l.id, l.remaining - l.held AS free, l.reference, l.promotional FROM credits_lot l
        WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held AND l.expires_at <= v_now
        ORDER BY l.expires_at, l.promotional DESC, l.id
    LOOP
        v_account.balance := v_account.balance - v_lot.free;
        v_account.version := v_account.version + 1;
        v_count := v_count + 1;
        PERFORM set_config('credits.writer', 'ledger', true);
        UPDATE credits_account a SET balance = v_account.balance, version = v_account.version WHERE a.id = p_account;
        UPDATE credits_lot l SET remaining = l.remaining - v_lot.free, exhausted = (l.remaining = v_lot.free)
            WHERE l.id = v_lot.id;
        PERFORM set_config('credits.writer', '', true);
        PERFORM credits_append(p_account, v_account.version, 'expiry', -v_lot.free, v_account.balance, 0,
                               ARRAY[v_lot.id], ARRAY[-v_lot.free],
                               format('expiry:%s:%s', v_lot.id, v_account.version), v_lot.reference, '{}', v_now);
    END LOOP;
    RETURN v_count;
END $function$;

CREATE OR REPLACE FUNCTION credits_extend_lot(p_account uuid, p_lot bigint, p_since timestamp with time zone, p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    -- In seconds: a day is not as long as another where clocks change.
    v_away interval := make_interval(secs => extract(epoch FROM p_now - p_since));
BEGIN
    UPDATE credits_lot l SET expires_at = l.expires_at + v_away, extended_by = l.extended_by + v_away
        WHERE l.account_id = p_account AND l.id = p_lot AND l.expires_at <= p_now AND l.expires_at > p_since;
END $function$;

CREATE OR REPLACE FUNCTION credits_forfeit(p_account uuid, p_now timestamp with time zone)
 RETURNS numeric
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_give_back(p_account uuid, p_entry credits_entry, p_key text, p_reference text, p_metadata jsonb, p_now timestamp with time zone, OUT entry_id bigint, OUT balance_after numeric)
 RETURNS record
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_grant(p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb, p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamp with time zone)
 RETURNS TABLE(entry_id bigint, lot_id bigint, balance_after numeric, repeated boolean, same boolean, closed boolean)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_lot_flows(p_account uuid, p_lot bigint, OUT taken numeric, OUT offset_debt numeric, OUT lost numeric, OUT owed numeric)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_move_lots(p_lots bigint[], p_taken numeric[])
 RETURNS numeric[]
 LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE credits_lot l SET remaining = l.remaining - t.taken, exhausted = (l.remaining = t.taken)
        FROM unnest(p_lots, p_taken) AS t (id, taken) WHERE l.id = t.id;
    RETURN ARRAY(SELECT -taken FROM unnest(p_taken) WITH ORDINALITY AS t (taken, place) ORDER BY place);
END $function$;

CREATE OR REPLACE FUNCTION credits_moved(p_moved numeric[])
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN cardinality(p_moved) = 1 THEN p_moved[1] ELSE credits_total(p_moved) END
$function$;

CREATE OR REPLACE FUNCTION credits_negated(p_amounts numeric[])
 RETURNS numeric[]
 LANGUAGE plpgsql
 IMMUTABLE STRICT
AS $function$
BEGIN
    RETURN ARRAY(SELECT -amount FROM unnest(p_amounts) WITH ORDINALITY AS u (amount, place) ORDER BY place);
END $function$;

CREATE OR REPLACE FUNCTION credits_offset_debt(p_account uuid, p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_offsets(p_account uuid)
 RETURNS TABLE(lot bigint, amount numeric, since timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    SELECT m.lot,
           sum(CASE WHEN e.kind = 'offset' THEN -m.amount ELSE l.amount - m.amount END), max(e.created_at)
    FROM credits_entry e CROSS JOIN LATERAL unnest(e.lots, e.moved) AS m (lot, amount)
    JOIN credits_lot l ON l.account_id = e.account_id AND l.id = m.lot
    WHERE e.account_id = p_account AND e.kind <> 'spend' AND e.owed <> 0
          AND (e.kind = 'offset' OR l.created_at = e.created_at AND credits_brings_in(e.kind))
    GROUP BY m.lot
$function$;

CREATE OR REPLACE FUNCTION credits_open_hold(p_account uuid, p_amount numeric, p_key text, p_expires_in interval, p_overrun text, p_reference text, p_metadata jsonb, p_client uuid)
 RETURNS TABLE(outcome text, hold_id uuid, amount numeric, expires_at timestamp with time zone, balance numeric, held numeric, missing numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_overlap(p_start numeric, p_stop numeric, p_low numeric, p_high numeric)
 RETURNS numeric
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT greatest(0, least(p_stop, p_high) - greatest(p_start, p_low))
$function$;

CREATE OR REPLACE FUNCTION credits_pick(p_account uuid, p_amount numeric, p_now timestamp with time zone, OUT lots bigint[], OUT taken numeric[], OUT missing numeric)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_pick_from(p_account uuid, p_lot bigint, p_amount numeric, p_now timestamp with time zone, OUT lots bigint[], OUT taken numeric[], OUT missing numeric)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_pick_given(p_account uuid, p_amount numeric, p_now timestamp with time zone, p_fresh interval, OUT lots bigint[], OUT taken numeric[], OUT missing numeric)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_pin_lots(p_lots bigint[], p_amounts numeric[])
 RETURNS void
 LANGUAGE sql
AS $function$
    UPDATE credits_lot l SET held = l.held + t.amount
        FROM unnest(p_lots, p_amounts) AS t (id, amount) WHERE l.id = t.id;
$function$;

CREATE OR REPLACE FUNCTION credits_raise_lots_differ(p_account uuid, p_balance numeric, p_debt numeric, p_left numeric)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE check_violation USING
        CONSTRAINT = 'credits_balance_equals_lots', TABLE = 'credits_account',
        MESSAGE = format('account %s: its balance %s is not what its lots have left (%s) less its debt (%s)',
                         p_account, p_balance, p_left, p_debt);
END $function$;

CREATE OR REPLACE FUNCTION credits_receive(p_to uuid, p_sent credits_entry, p_metadata jsonb, p_now timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_refusal(p_account uuid, p_amount numeric, p_now timestamp with time zone)
 RETURNS TABLE(outcome text, entry_id bigint, version bigint, balance_after numeric, held numeric, missing numeric)
 LANGUAGE sql
 STABLE
AS $function$
    SELECT 'insufficient', NULL::bigint, a.version, a.balance, a.held,
           p_amount - least(a.balance - a.held, (
               SELECT coalesce(sum(l.remaining - l.held), 0) FROM credits_lot l
               WHERE l.account_id = a.id AND NOT l.exhausted AND (l.expires_at IS NULL OR l.expires_at > p_now)
           ))
    FROM credits_account a WHERE a.id = p_account
    UNION ALL
    SELECT 'unknown_account', NULL, NULL, NULL, NULL, NULL
    WHERE NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_account);
$function$;

CREATE OR REPLACE FUNCTION credits_release(p_hold uuid, p_overdue boolean)
 RETURNS TABLE(outcome text, account_id uuid, released numeric, balance numeric, held numeric, status text)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_seal(p_entry credits_entry)
 RETURNS bytea
 LANGUAGE plpgsql
AS $function$
DECLARE
    v_version bigint;
    v_balance numeric;
    v_debt numeric;
    v_left numeric;
    v_before numeric;
    v_hash bytea;
BEGIN
    SELECT a.version, a.balance, a.debt, e.balance_after, e.hash,
           (SELECT coalesce(sum(l.remaining), 0) FROM credits_lot l
            WHERE l.account_id = p_entry.account_id AND NOT l.exhausted)
        INTO v_version, v_balance, v_debt, v_before, v_hash, v_left
        FROM credits_account a
        LEFT JOIN credits_entry e ON e.account_id = a.id AND e.version = p_entry.version - 1
        WHERE a.id = p_entry.account_id;
    IF v_version IS DISTINCT FROM p_entry.version OR v_balance <> p_entry.balance_after THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_balance_equals_entries', TABLE = 'credits_entry',
            MESSAGE = format('account %s has %s at version %s, its new entry says %s at %s', p_entry.account_id,
                             v_balance, v_version, p_entry.balance_after, p_entry.version);
    END IF;
    IF (v_before IS NULL AND p_entry.version <> 1)
       OR p_entry.balance_after <> coalesce(v_before, 0) + p_entry.amount THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_continues_the_balance', TABLE = 'credits_entry',
            MESSAGE = format('account %s: version %s with %s does not go on from the entry before it',
                             p_entry.account_id, p_entry.version, p_entry.balance_after);
    END IF;
    IF v_balance + v_debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_entry.account_id, v_balance, v_debt, v_left);
    END IF;
    IF cardinality(p_entry.lots) <> cardinality(p_entry.moved)
       OR p_entry.amount <> credits_moved(p_entry.moved) - p_entry.owed THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_equals_movements', TABLE = 'credits_entry',
            MESSAGE = format('account %s: its entry of %s moves %s in the lots %s and owes %s', p_entry.account_id,
                             p_entry.amount, p_entry.moved, p_entry.lots, p_entry.owed);
    END IF;
    -- The ledger's own functions name lots that they have just read under this account. Two IFs, because an expression
    -- with a query in it is started like a statement, whichever half of it decides.
    IF current_setting('credits.writer', true) IS DISTINCT FROM 'ledger' THEN
        IF cardinality(p_entry.lots) <> (
            SELECT count(*) FROM credits_lot l WHERE l.id = ANY (p_entry.lots) AND l.account_id = p_entry.account_id
        ) THEN
            RAISE check_violation USING
                CONSTRAINT = 'credits_movement_within_one_account', TABLE = 'credits_entry',
                MESSAGE = format('account %s: its entry moves a lot twice, or one of another account',
                                 p_entry.account_id);
        END IF;
    END IF;
    RETURN credits_entry_hash(v_hash, p_entry.account_id, p_entry.version, p_entry.kind, p_entry.amount,
                              p_entry.balance_after, p_entry.owed, p_entry.lots, p_entry.moved, p_entry.created_at,
                              p_entry.key);
END $function$;

CREATE OR REPLACE FUNCTION credits_seal_entry()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF NEW.hash = '' OR coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch') THEN
        NEW.hash := credits_seal(NEW);
    END IF;
    RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION credits_settle_clawbacks(p_account uuid, p_lot bigint, p_kind text, p_metadata jsonb, p_now timestamp with time zone, OUT entry_id bigint, OUT taken numeric, OUT owed numeric)
 RETURNS record
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_spend(p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb, OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric, OUT held numeric, OUT missing numeric)
 RETURNS record
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_bitmapscan TO 'off'
 SET enable_sort TO 'off'
AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_enough boolean;
    v_before record;
    v_earlier credits_entry;
    v_lot bigint;
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
    missing := 0;

    -- In one look: the entry that this one follows, and the one that has its key already.
    SELECT b.balance_after, b.hash, e.id AS same_key INTO v_before
        FROM (VALUES (true)) AS always
        LEFT JOIN credits_entry b ON b.account_id = p_account AND b.version = credits_spend.version - 1
        LEFT JOIN credits_entry e ON e.account_id = p_account AND e.key = p_key;
    IF v_before.same_key IS NOT NULL THEN
        IF v_enough THEN
            PERFORM credits_untake(p_account, p_amount);
        END IF;
        v_writer := set_config('credits.writer', '', true);
        SELECT * INTO v_earlier FROM credits_entry e WHERE e.id = v_before.same_key;
        outcome := CASE WHEN (v_earlier.amount, v_earlier.kind, v_earlier.reference, v_earlier.metadata)
                             = (-p_amount, p_kind, p_reference, p_metadata)
                        THEN 'repeated' ELSE 'conflict' END;
        entry_id := v_earlier.id;
        version := v_earlier.version;
        balance_after := v_earlier.balance_after;
        held := (SELECT a.held FROM credits_account a WHERE a.id = p_account);
        RETURN;
    END IF;

    IF v_enough THEN
        -- Most of the time the first lot covers it all.
        UPDATE credits_lot l SET remaining = l.remaining - p_amount, exhausted = (l.remaining = p_amount)
            WHERE l.id = (
                    SELECT x.id FROM credits_lot x
                    WHERE x.account_id = p_account AND NOT x.exhausted AND x.remaining > x.held
                          AND (x.expires_at IS NULL OR x.expires_at > v_now)
                    ORDER BY x.expires_at, x.promotional DESC, x.id LIMIT 1
                ) AND l.remaining - l.held >= p_amount
            RETURNING l.id INTO v_lot;
        IF FOUND THEN
            v_lots := ARRAY[v_lot];
            v_moved := ARRAY[-p_amount];
            -- The same amount went out of account and lot. Where the entry before says so too, the trigger on entries
            -- has nothing left to look for; where it doesn't, the trigger says what is wrong.
            IF v_before.balance_after = balance_after + p_amount THEN
                v_hash := credits_entry_hash(v_before.hash, p_account, version, p_kind, -p_amount, balance_after, 0,
                                             v_lots, v_moved, v_now, p_key);
            END IF;
        ELSE
            SELECT p.lots, p.taken, p.missing INTO v_lots, v_moved, missing
                FROM credits_pick(p_account, p_amount, v_now) p;
            IF missing = 0 THEN
                v_moved := credits_move_lots(v_lots, v_moved);
            ELSE  -- The balance counts lots that have expired since the expiry job last ran.
                PERFORM credits_untake(p_account, p_amount);
            END IF;
        END IF;
    END IF;

    IF v_enough AND missing = 0 THEN
        INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, lots, moved, key, reference,
                                   metadata, created_at, hash)
            VALUES (p_account, version, p_kind, -p_amount, balance_after, v_lots, v_moved, p_key, p_reference,
                    p_metadata, v_now, v_hash)
            RETURNING id INTO entry_id;
        v_writer := set_config('credits.writer', '', true);
        outcome := 'done';
        RETURN;
    END IF;
    v_writer := set_config('credits.writer', '', true);

    -- What overdue holds keep is nobody's any more, whether their job has run or not. That may have waited for another
    -- writer, and nothing may be locked: what was missing can have come in meanwhile.
    missing := 0;
    IF credits_expire_holds_of(p_account, v_now) = 0 THEN
        SELECT r.outcome, r.version, r.balance_after, r.held, r.missing
            INTO outcome, version, balance_after, held, missing FROM credits_refusal(p_account, p_amount, v_now) r;
    END IF;
    IF missing <= 0 THEN
        SELECT * INTO outcome, entry_id, version, balance_after, held, missing
            FROM credits_spend(p_account, p_amount, p_kind, p_key, p_reference, p_metadata);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION credits_spend_many(p_accounts uuid[], p_amounts numeric[], p_keys text[], p_references text[], p_metadata jsonb[])
 RETURNS TABLE(place bigint, outcome text, entry_id bigint, balance_after numeric, held numeric, missing numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
    -- Entries of this batch whose key comes up in it again.
    v_twin credits_entry;
    v_twins credits_entry[] := '{}';
BEGIN
    -- All rows first and in one order, so that two batches don't wait for each other.
    PERFORM FROM credits_account a WHERE a.id = ANY (p_accounts) ORDER BY a.id FOR NO KEY UPDATE;
    v_entry.kind := 'spend';
    v_entry.owed := 0;
    v_entry.created_at := clock_timestamp();
    PERFORM credits_expire_holds_of(h.account_id, v_entry.created_at) FROM (
        SELECT DISTINCT h.account_id FROM credits_hold h
        WHERE h.account_id = ANY (p_accounts) AND h.status = 'open' AND h.expires_at <= v_entry.created_at
    ) h;

    FOR v_item IN
        SELECT i.*, e.id AS earlier, e.balance_after AS earlier_balance,
               (e.amount, e.kind, e.reference, e.metadata) = (-i.amount, 'spend', i.reference, i.metadata) AS same
        FROM (
            SELECT *, count(*) OVER (PARTITION BY u.account, u.key COLLATE "C") > 1 AS twin
            FROM unnest(p_accounts, p_amounts, p_keys, p_references, p_metadata)
                WITH ORDINALITY AS u (account, amount, key, reference, metadata, place)
        ) i
        LEFT JOIN credits_entry e ON e.account_id = i.account AND e.key = i.key
        ORDER BY i.account, i.place
    LOOP
        IF v_account IS DISTINCT FROM v_item.account THEN
            SELECT a.balance, a.held, a.version, e.hash, l.lots, l.free, least(l.can, a.balance - a.held)
                INTO v_balance, v_held, v_version, v_hash, v_lots, v_free, v_can
                FROM credits_account a
                LEFT JOIN credits_entry e ON e.account_id = a.id AND e.version = a.version
                CROSS JOIN LATERAL (
                    SELECT array_agg(o.id) AS lots, array_agg(o.free) AS free, coalesce(sum(o.free), 0) AS can
                    FROM (SELECT x.id, x.remaining - x.held AS free FROM credits_lot x
                          WHERE x.account_id = a.id AND NOT x.exhausted AND x.remaining > x.held
                                AND (x.expires_at IS NULL OR x.expires_at > v_entry.created_at)
                          ORDER BY x.expires_at, x.promotional DESC, x.id) o
                ) l
                WHERE a.id = v_item.account;
            v_account := v_item.account;
            v_lot := 1;
        END IF;
        place := v_item.place;
        held := v_held;
        entry_id := v_item.earlier;
        balance_after := v_balance;
        missing := 0;

        v_twin := NULL;
        IF v_item.twin THEN
            SELECT * INTO v_twin FROM unnest(v_twins) t WHERE t.account_id = v_item.account AND t.key = v_item.key;
        END IF;
        IF v_version IS NULL THEN
            outcome := 'unknown_account';
        ELSIF v_item.earlier IS NOT NULL THEN
            outcome := CASE WHEN v_item.same THEN 'repeated' ELSE 'conflict' END;
            balance_after := v_item.earlier_balance;
        ELSIF v_twin.id IS NOT NULL THEN
            outcome := CASE WHEN (v_twin.amount, v_twin.reference, v_twin.metadata)
                                 = (-v_item.amount, v_item.reference, v_item.metadata)
                            THEN 'repeated' ELSE 'conflict' END;
            entry_id := v_twin.id;
            balance_after := v_twin.balance_after;
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
            v_hash := credits_entry_hash(v_hash, v_account, v_version, 'spend', -v_item.amount,
                                         v_balance, 0, v_entry.lots, v_entry.moved, v_entry.created_at,
                                         v_item.key);
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
            IF v_item.twin THEN
                v_twins := v_twins || v_entry;
            END IF;
            entry_id := v_entry.id;
            balance_after := v_balance;
        END IF;
        RETURN NEXT;
    END LOOP;

    PERFORM set_config('credits.writer', 'batch', true);
    UPDATE credits_lot l SET remaining = l.remaining + m.moved, exhausted = (l.remaining + m.moved = 0)
        FROM (SELECT m.lot, sum(m.moved) AS moved
              FROM unnest(v_entries) e, unnest(e.lots, e.moved) AS m (lot, moved) GROUP BY m.lot) m
        WHERE l.id = m.lot;
    UPDATE credits_account a SET balance = e.balance_after, version = e.version
        FROM (SELECT DISTINCT ON (account_id) account_id, balance_after, version
              FROM unnest(v_entries) ORDER BY account_id, version DESC) e
        WHERE a.id = e.account_id;
    INSERT INTO credits_entry SELECT * FROM unnest(v_entries);
    PERFORM set_config('credits.writer', '', true);
END $function$;

CREATE OR REPLACE FUNCTION credits_take(p_account uuid, p_kind text, p_lots bigint[], p_taken numeric[], p_key text, p_reference text, p_metadata jsonb, p_now timestamp with time zone)
 RETURNS credits_entry
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_total(p_amounts numeric[])
 RETURNS numeric
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
AS $function$
BEGIN
    RETURN (SELECT coalesce(sum(amount), 0) FROM unnest(p_amounts) AS amount);
END $function$;

CREATE OR REPLACE FUNCTION credits_transfer(p_from uuid, p_to uuid, p_amount numeric, p_key text, p_reference text, p_metadata jsonb, p_fresh interval)
 RETURNS TABLE(outcome text, sent_id bigint, received_id bigint, balance_after numeric, missing numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_transfer_refused(p_from uuid, p_to uuid)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT CASE
        WHEN p_from = p_to THEN 'same_account'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_to) THEN 'unknown_receiver'
        WHEN NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_from) THEN 'unknown_account'
        WHEN (SELECT a.closed_at FROM credits_account a WHERE a.id = p_to) IS NOT NULL THEN 'closed_receiver'
    END
$function$;

CREATE OR REPLACE FUNCTION credits_undo(p_account uuid, p_entry bigint, p_amount numeric, p_key text, p_reference text, p_metadata jsonb)
 RETURNS TABLE(outcome text, entry_id bigint, balance_after numeric, missing numeric)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_undo_amount(p_account uuid, p_entry bigint)
 RETURNS numeric
 LANGUAGE plpgsql
 STABLE
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_undo_offset(p_account uuid, p_amount numeric, p_now timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_untake(p_account uuid, p_amount numeric)
 RETURNS void
 LANGUAGE sql
AS $function$
    UPDATE credits_account SET balance = balance + p_amount, version = version - 1 WHERE id = p_account;
$function$;

CREATE OR REPLACE FUNCTION credits_verify_account(p_old credits_account, p_new credits_account)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    v_from bigint := coalesce(p_old.version, 0);
    v_balance numeric := coalesce(p_old.balance, 0);
    v_count bigint;
    v_wrong bigint;
    v_last numeric;
    v_unmoved bigint;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE balance_after <> before + amount), max(balance_after)
               FILTER (WHERE version = p_new.version),
           count(*) FILTER (WHERE cardinality(lots) <> cardinality(moved) OR amount <> credits_moved(moved) - owed)
        INTO v_count, v_wrong, v_last, v_unmoved
        FROM (
            SELECT version, amount, balance_after, lots, moved, owed,
                   lag(balance_after, 1, v_balance) OVER (ORDER BY version) AS before
            FROM credits_entry
            WHERE account_id = p_new.id AND version > v_from AND version <= p_new.version
        ) AS entries;
    IF v_count <> p_new.version - v_from OR coalesce(v_last, v_balance) <> p_new.balance THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_balance_equals_entries', TABLE = 'credits_account',
            MESSAGE = format('account %s: its entries do not lead from %s at version %s to %s at version %s',
                             p_new.id, v_balance, v_from, p_new.balance, p_new.version);
    END IF;
    IF v_wrong > 0 THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_continues_the_balance', TABLE = 'credits_entry',
            MESSAGE = format('account %s: %s of its new entries do not go on from the one before', p_new.id, v_wrong);
    END IF;
    IF v_unmoved > 0 THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_equals_movements', TABLE = 'credits_entry',
            MESSAGE = format('account %s: %s of its new entries are not what they moved', p_new.id, v_unmoved);
    END IF;
    PERFORM credits_verify_lots(p_new.id);
END $function$;

CREATE OR REPLACE FUNCTION credits_verify_clawback(p_id uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_verify_debt(p_account uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION credits_verify_holds(p_account uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
        RAISE check_violation USING
            CONSTRAINT = 'credits_held_equals_open_holds', TABLE = 'credits_hold',
            MESSAGE = format('account %s: %s held, its open holds hold %s, its lots have pinned %s',
                             p_account, v_held, v_open, v_pinned);
    END IF;
END $function$;

CREATE OR REPLACE FUNCTION credits_verify_lots(p_account uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    v_account credits_account;
    v_left numeric;
BEGIN
    SELECT * INTO v_account FROM credits_account WHERE id = p_account;
    SELECT coalesce(sum(remaining), 0) INTO v_left FROM credits_lot WHERE account_id = p_account AND NOT exhausted;
    IF v_account.balance + v_account.debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_account.balance, v_account.debt, v_left);
    END IF;
END $function$;
