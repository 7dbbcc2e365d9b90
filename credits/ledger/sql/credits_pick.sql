-- Which lots would pay an amount, and how much each: the one that expires first, promotional before paid, the older
-- first. Only what is not held, of lots that have not expired. "missing" is what they don't cover.
CREATE OR REPLACE FUNCTION credits_pick(
    p_account uuid, p_amount numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[], OUT missing
    numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_lot record;
BEGIN
    lots := '{}';
    taken := '{}';
    missing := p_amount;
    FOR v_lot IN
        SELECT l.id, l.remaining - l.held AS free FROM credits_lot l
        WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held
              AND (l.expires_at IS NULL OR l.expires_at > p_now)
        ORDER BY l.expires_at, l.promotional DESC, l.id
    LOOP
        EXIT WHEN missing = 0;
        lots := lots || v_lot.id;
        taken := taken || least(v_lot.free, missing);
        missing := missing - least(v_lot.free, missing);
    END LOOP;
END $$;
