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
