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
