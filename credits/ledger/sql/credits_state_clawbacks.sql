-- Writes down which clawbacks of a lot stand. Those that stand no more claim nothing. One of another account is refused
-- by its primary key.
CREATE OR REPLACE FUNCTION credits_state_clawbacks(
    p_account uuid, p_lot bigint, p_ids uuid[], p_ats timestamptz[], p_kinds text[], p_policies text[],
    p_amounts numeric[], p_metadata jsonb[], p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    v_stated bigint;
BEGIN
    UPDATE credits_clawback c SET amount = 0
        WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.amount > 0 AND NOT c.id = ANY (p_ids);
    INSERT INTO credits_clawback AS c (id, account_id, lot_id, at, position, kind, policy, amount, metadata, created_at)
        SELECT u.id, p_account, p_lot, u.at, u.position, u.kind, u.policy, u.amount, u.metadata, p_now
        FROM unnest(p_ids, p_ats, p_kinds, p_policies, p_amounts, p_metadata)
            WITH ORDINALITY AS u (id, at, kind, policy, amount, metadata, position)
        ON CONFLICT (id) DO UPDATE SET at = excluded.at, position = excluded.position, policy = excluded.policy,
            amount = excluded.amount, metadata = excluded.metadata,
            owed = CASE WHEN excluded.policy = 'debt' THEN c.owed ELSE 0 END
            WHERE c.account_id = p_account;
    GET DIAGNOSTICS v_stated = ROW_COUNT;
    IF v_stated < cardinality(p_ids) THEN
        RAISE unique_violation USING
            CONSTRAINT = 'credits_clawback_pkey', TABLE = 'credits_clawback',
            MESSAGE = format('account %s: one of its claims is on a lot of another account', p_account);
    END IF;
END $$;
