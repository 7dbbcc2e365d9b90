-- Brings a lot to what its clawbacks come to now, in an account that the caller has locked. "taken" and "owed" are what
-- changed (below zero: came back, is owed no more); where neither did, there is no entry.
--
-- What refunds and disputes have to take from a lot is worked out from what stands, never added up: from the lot's
-- clawbacks in their order, and from where its credits went. The lot is a line. First on it are the credits that can be
-- taken: those that are free, those taken before, and those that paid off a debt (which is then owed again). Then come
-- those that a hold has set aside, those that were spent (used, or given away), and last those that nobody had the use
-- of: expired, forfeited, taken by staff. The clawbacks cover the line from its beginning, one after the other; what
-- each covers is what comes of it.
CREATE OR REPLACE FUNCTION credits_settle_clawbacks(
    p_account uuid, p_lot bigint, p_kind text, p_metadata jsonb, p_now timestamptz,
    OUT entry_id bigint, OUT taken numeric, OUT owed numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
DECLARE
    v_closed boolean;
    v_lot record;
    v_flows record;
    v_since timestamptz;
    v_free numeric;
    v_takeable numeric;
BEGIN
    -- What expires is nobody's to take, whether its job has run or not; but for what was claimed while it was held.
    IF NOT EXISTS (
        SELECT FROM credits_clawback c WHERE c.account_id = p_account AND c.lot_id = p_lot AND c.pending > 0
    ) THEN
        PERFORM credits_expire_lots_of(p_account);
    END IF;
    v_closed := (SELECT a.closed_at IS NOT NULL FROM credits_account a WHERE a.id = p_account);
    SELECT l.amount, l.remaining, l.held INTO v_lot
        FROM credits_lot l WHERE l.account_id = p_account AND l.id = p_lot;
    SELECT * INTO v_flows FROM credits_lot_flows(p_account, p_lot);
    v_free := v_lot.remaining - v_lot.held;
    v_takeable := v_free + v_flows.taken + v_flows.offset_debt;
    SELECT s.taken - v_flows.taken, s.owed - v_flows.owed, s.since INTO taken, owed, v_since
        FROM credits_share_out(p_account, p_lot, v_takeable, v_lot.held,
                               v_lot.amount - v_takeable - v_lot.held - v_flows.lost, v_closed, p_now) s;
    entry_id := credits_book_clawback(p_account, p_lot, taken, owed, v_free, v_since, p_kind, p_metadata, p_now);
    PERFORM credits_offset_debt(p_account, p_now);
    IF v_closed THEN
        PERFORM credits_forfeit(p_account, p_now);
    END IF;
END $$;
