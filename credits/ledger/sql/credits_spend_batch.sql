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
