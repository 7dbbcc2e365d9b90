-- As credits_pick, without what was bought less than "p_fresh" ago.
CREATE OR REPLACE FUNCTION credits_pick_given(
    p_account uuid, p_amount numeric, p_now timestamptz, p_fresh interval, OUT lots bigint[], OUT taken
    numeric[], OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
STABLE
SET plan_cache_mode TO 'force_generic_plan'
AS $$
BEGIN
    SELECT coalesce(array_agg(p.id ORDER BY p.place), '{}'),
           coalesce(array_agg(least(p.free, p_amount - p.before) ORDER BY p.place), '{}'),
           p_amount - coalesce(sum(least(p.free, p_amount - p.before)), 0)
        INTO lots, taken, missing
        FROM (
            SELECT o.id, o.free, o.place, sum(o.free) OVER (ORDER BY o.place) - o.free AS before
            FROM (
                SELECT l.id, l.remaining - l.held AS free,
                       row_number() OVER (ORDER BY l.expires_at, l.promotional DESC, l.id) AS place
                FROM credits_lot l
                WHERE l.account_id = p_account AND NOT l.exhausted AND l.remaining > l.held
                      AND (l.expires_at IS NULL OR l.expires_at > p_now)
                      AND (l.cost_minor IS NULL OR l.origin_lot IS NOT NULL OR l.created_at <= p_now - p_fresh)
            ) o
        ) p
        WHERE p.before < p_amount;
END $$;
