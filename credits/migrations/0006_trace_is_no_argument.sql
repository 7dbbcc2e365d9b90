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
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, 'spend', v_reference, v_metadata - 'trace')
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

    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (p_amount, p_kind, p_reference, p_metadata - 'trace')
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
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, p_kind, p_reference, p_metadata - 'trace')
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
               CASE WHEN e.id IS NOT NULL THEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                                               = (-i.amount, 'spend', i.reference, i.metadata - 'trace') END AS same
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
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, 'gift_sent', p_reference, v_metadata - 'trace')
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
           CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (p_amount, 'adjustment', p_reference, v_metadata - 'trace')
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
