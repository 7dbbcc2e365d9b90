-- At commit, for one change of an account's row: the entries of its new versions lead from the old balance to the new.
-- A new account has neither an old version nor an old balance.
CREATE OR REPLACE FUNCTION credits_verify_account(
    p_account uuid, p_old_version bigint, p_old_balance numeric, p_version bigint, p_balance numeric
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_from bigint := coalesce(p_old_version, 0);
    v_balance numeric := coalesce(p_old_balance, 0);
    v_count bigint;
    v_wrong bigint;
    v_last numeric;
    v_unmoved bigint;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE balance_after <> before + amount),
           max(balance_after) FILTER (WHERE version = p_version),
           count(*) FILTER (WHERE cardinality(lots) <> cardinality(moved) OR amount <> credits_moved(moved) - owed)
        INTO v_count, v_wrong, v_last, v_unmoved
        FROM (
            SELECT version, amount, balance_after, lots, moved, owed,
                   lag(balance_after, 1, v_balance) OVER (ORDER BY version) AS before
            FROM credits_entry
            WHERE account_id = p_account AND version > v_from AND version <= p_version
        ) AS entries;
    IF v_count <> p_version - v_from OR coalesce(v_last, v_balance) <> p_balance THEN
        PERFORM credits_refuse('credits_balance_equals_entries', 'credits_account', format(
            'account %s: its entries do not lead from %s at version %s to %s at version %s',
            p_account, v_balance, v_from, p_balance, p_version));
    END IF;
    IF v_wrong > 0 THEN
        PERFORM credits_refuse('credits_entry_continues_the_balance', 'credits_entry', format(
            'account %s: %s of its new entries do not go on from the one before', p_account, v_wrong));
    END IF;
    IF v_unmoved > 0 THEN
        PERFORM credits_refuse('credits_entry_equals_movements', 'credits_entry', format(
            'account %s: %s of its new entries are not what they moved', p_account, v_unmoved));
    END IF;
    PERFORM credits_verify_lots(p_account);
END $$;
