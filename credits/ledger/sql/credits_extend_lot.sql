-- Gives a lot that has expired the time that its credits were away for, since when they were taken: as much of its
-- life is left as was left then. One that had expired before, or lives on, stays as it is.
CREATE OR REPLACE FUNCTION credits_extend_lot(
    p_account uuid, p_lot bigint, p_since timestamptz, p_now timestamptz
)
RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    -- In seconds: a day is not as long as another where clocks change.
    v_away interval := make_interval(secs => extract(epoch FROM p_now - p_since));
BEGIN
    UPDATE credits_lot l SET expires_at = l.expires_at + v_away, extended_by = l.extended_by + v_away
        WHERE l.account_id = p_account AND l.id = p_lot AND l.expires_at <= p_now AND l.expires_at > p_since;
END $$;
