-- The ledger's functions. Each takes the account's row first, so that writers of one account queue there; it writes
-- account and lots first and the entry or the hold last, because the trigger on that last row looks at everything.
-- credits.writer tells the triggers on the first rows to leave it to that one (see credits/models/guards.py).
--
-- plan_cache_mode: the plans are the same for every account and every size of an array. Without it PostgreSQL thinks
-- that one made for the very array at hand might be better, and makes one for every call.

-- The sum of an array. In CHECK constraints, where a subquery can't stand. Not in SQL: each statement would look
-- whether it can be inlined.
CREATE FUNCTION credits_total(p_amounts numeric[]) RETURNS numeric IMMUTABLE STRICT PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT coalesce(sum(amount), 0) FROM unnest(p_amounts) AS amount);
END $$;

-- The same where a statement is planned once and run often: in SQL it becomes part of it, and nearly every entry moves
-- one lot.
CREATE FUNCTION credits_moved(p_moved numeric[]) RETURNS numeric IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT CASE WHEN cardinality(p_moved) = 1 THEN p_moved[1] ELSE credits_total(p_moved) END
$$;

-- An entry's seal: SHA-256 over the seal of the account's entry before it and everything the entry says, but for
-- reference and metadata. Each value has one spelling: amounts with six places, time as seconds since 1970. In SQL and
-- STABLE (as concat_ws is): so it becomes part of the expression that calls it.
CREATE FUNCTION credits_entry_hash(
    p_previous bytea, p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric,
    p_owed numeric, p_lots bigint[], p_moved numeric[], p_created_at timestamptz, p_key text
) RETURNS bytea STABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT sha256(coalesce(p_previous, ''::bytea) || convert_to(concat_ws(
        '|', p_account, p_version, p_kind, p_amount::numeric(24, 6), p_balance_after::numeric(24, 6),
        p_owed::numeric(24, 6), p_lots, p_moved::numeric(24, 6)[], extract(epoch FROM p_created_at), p_key
    ), 'UTF8'))
$$;

-- What the trigger on entries does: see credits/models/entries.py. Nobody but the ledger's own functions may bring a
-- seal along: the entries of a batch, which the trigger on their account checks together, and a spend from one lot.
CREATE FUNCTION credits_seal_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.hash = '' OR coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch') THEN
        NEW.hash := credits_seal(NEW);
    END IF;
    RETURN NEW;
END $$;

-- Checks a new entry against its account, its lots and the entry before it; gives its seal.
CREATE FUNCTION credits_seal(p_entry credits_entry) RETURNS bytea LANGUAGE plpgsql AS $$
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
END $$;

CREATE FUNCTION credits_raise_lots_differ(p_account uuid, p_balance numeric, p_debt numeric, p_left numeric)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING
        CONSTRAINT = 'credits_balance_equals_lots', TABLE = 'credits_account',
        MESSAGE = format('account %s: its balance %s is not what its lots have left (%s) less its debt (%s)',
                         p_account, p_balance, p_left, p_debt);
END $$;

-- At commit: the lots have left what the account says.
CREATE FUNCTION credits_verify_lots(p_account uuid) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_account credits_account;
    v_left numeric;
BEGIN
    SELECT * INTO v_account FROM credits_account WHERE id = p_account;
    SELECT coalesce(sum(remaining), 0) INTO v_left FROM credits_lot WHERE account_id = p_account AND NOT exhausted;
    IF v_account.balance + v_account.debt <> v_left THEN
        PERFORM credits_raise_lots_differ(p_account, v_account.balance, v_account.debt, v_left);
    END IF;
END $$;

-- At commit, for one change of an account's row: the entries of its new versions lead from the old balance to the new.
CREATE FUNCTION credits_verify_account(p_old credits_account, p_new credits_account)
RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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
END $$;

-- What an account holds is what its open holds still hold, and what its lots have pinned.
CREATE FUNCTION credits_verify_holds(p_account uuid) RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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
END $$;

-- Which lots would pay an amount, and how much each: the one that expires first, promotional before paid, the older
-- first. Only what is not held, of lots that have not expired. "missing" is what they don't cover.
CREATE FUNCTION credits_pick(
    p_account uuid, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[], OUT missing numeric
) LANGUAGE plpgsql AS $$
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

-- Appends an entry whose account and lots are written.
CREATE FUNCTION credits_append(
    p_account uuid, p_version bigint, p_kind text, p_amount numeric, p_balance_after numeric, p_owed numeric,
    p_lots bigint[], p_moved numeric[], p_key text, p_reference text, p_metadata jsonb, p_now timestamptz
) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, owed, lots, moved, key, reference,
                               metadata, created_at, hash)
    VALUES (p_account, p_version, p_kind, p_amount, p_balance_after, p_owed, p_lots, p_moved, p_key, p_reference,
            p_metadata, p_now, '')
    RETURNING id;
$$;

-- Puts credits into an account as one new lot, once per key. What is owed is repaid from it first. No row: no such
-- account. "same" is false when the key stands for a grant with other arguments.
CREATE OR REPLACE FUNCTION credits_grant(
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

-- Takes credits out, once per key, never more than there are. The one row says how it went:
-- done | repeated | conflict | insufficient (then "missing" are lacking) | unknown_account.
-- No bitmap, no sort: they take longer to set up than the handful of lots takes to read from the index in its order.
CREATE FUNCTION credits_spend(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    OUT outcome text, OUT entry_id bigint, OUT version bigint, OUT balance_after numeric, OUT held numeric,
    OUT missing numeric
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_bitmapscan = off SET enable_sort = off AS $$
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
END $$;

-- Undoes the first step of a spend that can't be done.
CREATE FUNCTION credits_untake(p_account uuid, p_amount numeric) RETURNS void LANGUAGE sql AS $$
    UPDATE credits_account SET balance = balance + p_amount, version = version - 1 WHERE id = p_account;
$$;

-- Why an amount can't be had from an account.
CREATE FUNCTION credits_refusal(p_account uuid, p_amount numeric, p_now timestamptz)
RETURNS TABLE (outcome text, entry_id bigint, version bigint, balance_after numeric, held numeric, missing numeric)
STABLE LANGUAGE sql AS $$
    SELECT 'insufficient', NULL::bigint, a.version, a.balance, a.held,
           p_amount - least(a.balance - a.held, (
               SELECT coalesce(sum(l.remaining - l.held), 0) FROM credits_lot l
               WHERE l.account_id = a.id AND NOT l.exhausted AND (l.expires_at IS NULL OR l.expires_at > p_now)
           ))
    FROM credits_account a WHERE a.id = p_account
    UNION ALL
    SELECT 'unknown_account', NULL, NULL, NULL, NULL, NULL
    WHERE NOT EXISTS (SELECT FROM credits_account a WHERE a.id = p_account);
$$;

-- Takes from lots what was picked from each; gives the movements.
CREATE FUNCTION credits_move_lots(p_lots bigint[], p_taken numeric[]) RETURNS numeric[] LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credits_lot l SET remaining = l.remaining - t.taken, exhausted = (l.remaining = t.taken)
        FROM unnest(p_lots, p_taken) AS t (id, taken) WHERE l.id = t.id;
    RETURN ARRAY(SELECT -taken FROM unnest(p_taken) WITH ORDINALITY AS t (taken, place) ORDER BY place);
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

-- Pins lots to a hold, or lets them go where the amounts are negative.
CREATE FUNCTION credits_pin_lots(p_lots bigint[], p_amounts numeric[]) RETURNS void LANGUAGE sql AS $$
    UPDATE credits_lot l SET held = l.held + t.amount
        FROM unnest(p_lots, p_amounts) AS t (id, amount) WHERE l.id = t.id;
$$;

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

-- Ends an account's holds that were overdue at a time; how many there were.
CREATE FUNCTION credits_expire_holds_of(p_account uuid, p_now timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE r.outcome = 'done')
    FROM (SELECT h.id FROM credits_hold h
          WHERE h.account_id = p_account AND h.status = 'open' AND h.expires_at <= p_now) overdue,
         LATERAL credits_release(overdue.id, true) r;
$$;

-- Takes out what an account's expired lots have left and no hold has pinned: one entry each. How many there were.
CREATE FUNCTION credits_expire_lots_of(p_account uuid) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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

-- Many spends in one statement, each as if done by itself and in this order. One row for each, by its place in the arrays.
-- Entries are sealed here and written together at the end; the trigger on their account checks them at commit.
CREATE FUNCTION credits_spend_many(
    p_accounts uuid[], p_amounts numeric[], p_keys text[], p_references text[], p_metadata jsonb[]
) RETURNS TABLE (place bigint, outcome text, entry_id bigint, balance_after numeric, held numeric, missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan AS $$
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
END $$;
