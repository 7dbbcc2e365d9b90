-- Many spends in one statement, each as if done by itself and in this order. One row for each, by its place in the
-- arrays. A key that comes again finds what came of it before: with it a new batch begins.
CREATE OR REPLACE FUNCTION credits_spend_many(
    p_accounts uuid[], p_amounts numeric[], p_keys text[], p_references text[], p_metadata jsonb[]
)
RETURNS TABLE (place bigint, outcome text, entry_id bigint, balance_after numeric, held numeric, missing numeric)
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_begins bigint;
    v_from bigint := 1;
BEGIN
    -- All rows first and in one order, so that two batches don't wait for each other.
    PERFORM credits_lock_for_batch(ARRAY(SELECT DISTINCT u.account FROM unnest(p_accounts) AS u (account) ORDER BY 1));
    FOR v_begins IN
        SELECT t.place FROM (
            SELECT u.place, row_number() OVER (PARTITION BY u.account, u.key COLLATE "C" ORDER BY u.place) AS time
            FROM unnest(p_accounts, p_keys) WITH ORDINALITY AS u (account, key, place)
        ) t
        WHERE t.time > 1
        UNION ALL SELECT cardinality(p_accounts) + 1
        ORDER BY 1
    LOOP
        RETURN QUERY SELECT * FROM credits_spend_batch(
            v_from, p_accounts[v_from:v_begins - 1], p_amounts[v_from:v_begins - 1], p_keys[v_from:v_begins - 1],
            p_references[v_from:v_begins - 1], p_metadata[v_from:v_begins - 1]);
        v_from := v_begins;
    END LOOP;
END $$;
