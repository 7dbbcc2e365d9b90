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
