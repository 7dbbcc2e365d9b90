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
