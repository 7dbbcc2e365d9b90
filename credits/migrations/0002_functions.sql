-- The ledger's own functions. Written once; a later change is a new migration that replaces a function whole.

-- Puts credits into an account as one new lot, once per key. No row: no such account. "same" is false when the key
-- stands for a grant with other arguments.
CREATE FUNCTION credits_grant(
    p_account uuid, p_amount numeric, p_kind text, p_key text, p_reference text, p_metadata jsonb,
    p_promotional boolean, p_cost_minor bigint, p_currency text, p_expires_at timestamptz
) RETURNS TABLE (entry_id bigint, lot_id bigint, balance_after numeric, repeated boolean, same boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_version bigint;
BEGIN
    -- NO KEY UPDATE: writers of one account queue here, rows that merely refer to it don't.
    PERFORM FROM credits_account a WHERE a.id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    RETURN QUERY
        SELECT e.id, l.id, e.balance_after, true,
               (e.amount, e.kind, e.reference, e.metadata) = (p_amount, p_kind, p_reference, p_metadata)
               AND (l.promotional, l.currency) = (p_promotional, p_currency)
               AND l.cost_minor IS NOT DISTINCT FROM p_cost_minor
               AND l.expires_at IS NOT DISTINCT FROM p_expires_at
        FROM credits_entry e
        LEFT JOIN credits_lotmovement m ON m.entry_id = e.id
        LEFT JOIN credits_lot l ON l.id = m.lot_id
        WHERE e.account_id = p_account AND e.key = p_key
        ORDER BY l.id DESC
        LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;

    UPDATE credits_account a SET balance = a.balance + p_amount, version = a.version + 1
        WHERE a.id = p_account
        RETURNING a.balance, a.version INTO balance_after, v_version;
    INSERT INTO credits_entry (account_id, version, kind, amount, balance_after, key, reference, metadata)
        VALUES (p_account, v_version, p_kind, p_amount, balance_after, p_key, p_reference, p_metadata)
        RETURNING id INTO entry_id;
    INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, currency, expires_at, reference)
        VALUES (p_account, p_amount, p_amount, p_promotional, p_cost_minor, p_currency, p_expires_at, p_reference)
        RETURNING id INTO lot_id;
    INSERT INTO credits_lotmovement (account_id, entry_id, lot_id, amount)
        VALUES (p_account, entry_id, lot_id, p_amount);
    repeated := false;
    same := true;
    RETURN NEXT;
END $$;

-- At commit: the balance is that of the last entry, and what the lots have left.
CREATE FUNCTION credits_verify_account(p_account uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_account credits_account;
    v_last credits_entry;
    v_left numeric;
BEGIN
    SELECT * INTO v_account FROM credits_account WHERE id = p_account;
    SELECT * INTO v_last FROM credits_entry WHERE account_id = p_account ORDER BY version DESC LIMIT 1;
    IF v_account.version <> coalesce(v_last.version, 0)
       OR v_account.balance <> coalesce(v_last.balance_after, 0) THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_balance_equals_entries', TABLE = 'credits_account',
            MESSAGE = format('account %s: its balance %s at version %s is not that of its last entry (%s at %s)',
                             p_account, v_account.balance, v_account.version, v_last.balance_after, v_last.version);
    END IF;
    SELECT coalesce(sum(remaining), 0) INTO v_left FROM credits_lot WHERE account_id = p_account AND remaining > 0;
    IF v_account.balance <> v_left THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_balance_equals_lots', TABLE = 'credits_account',
            MESSAGE = format('account %s: its balance %s is not what its lots have left (%s)',
                             p_account, v_account.balance, v_left);
    END IF;
END $$;

-- At commit: an entry goes on from the one before it, and its movements add up to it.
CREATE FUNCTION credits_verify_entry(p_entry credits_entry) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_before numeric;
    v_moved numeric;
BEGIN
    SELECT balance_after INTO v_before FROM credits_entry
        WHERE account_id = p_entry.account_id AND version = p_entry.version - 1;
    IF (v_before IS NULL AND p_entry.version <> 1)
       OR p_entry.balance_after <> coalesce(v_before, 0) + p_entry.amount THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_continues_the_balance', TABLE = 'credits_entry',
            MESSAGE = format('entry %s: version %s with %s does not go on from the entry before it',
                             p_entry.id, p_entry.version, p_entry.balance_after);
    END IF;
    SELECT coalesce(sum(amount), 0) INTO v_moved FROM credits_lotmovement WHERE entry_id = p_entry.id;
    IF v_moved <> p_entry.amount THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_entry_equals_movements', TABLE = 'credits_entry',
            MESSAGE = format('entry %s: its movements add up to %s and not to %s', p_entry.id, v_moved, p_entry.amount);
    END IF;
END $$;

-- At commit: a movement stays within one account, and its entry still adds up (it may be an older one's).
CREATE FUNCTION credits_verify_movement(p_movement credits_lotmovement) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_entry credits_entry;
    v_lot credits_lot;
BEGIN
    SELECT * INTO v_entry FROM credits_entry WHERE id = p_movement.entry_id;
    SELECT * INTO v_lot FROM credits_lot WHERE id = p_movement.lot_id;
    IF v_entry.account_id <> p_movement.account_id OR v_lot.account_id <> p_movement.account_id THEN
        RAISE check_violation USING
            CONSTRAINT = 'credits_movement_within_one_account', TABLE = 'credits_lotmovement',
            MESSAGE = format('movement %s: its entry or its lot belongs to another account', p_movement.id);
    END IF;
    PERFORM credits_verify_entry(v_entry);
END $$;
