-- Gives credits of one account to another, once per key of the giver. What was bought less than "p_fresh" ago is not
-- given. outcome: done | repeated | conflict | insufficient (then "missing" are lacking) | fresh (they are there, but
-- too fresh) | unknown_account | unknown_receiver | closed_receiver | same_account.
CREATE OR REPLACE FUNCTION credits_transfer(
    p_from uuid, p_to uuid, p_amount numeric, p_key text, p_reference text, p_metadata jsonb, p_fresh interval,
    OUT outcome text, OUT sent_id bigint, OUT received_id bigint, OUT balance_after numeric, OUT missing numeric
)
RETURNS record
LANGUAGE plpgsql
SET plan_cache_mode TO 'force_generic_plan'
AS $$
#variable_conflict use_column
DECLARE
    v_metadata jsonb := p_metadata || jsonb_build_object('to', p_to);
    v_now timestamptz;
    v_version bigint;
    v_picked record;
BEGIN
    -- Two statements, in one order, so that two gifts that cross don't wait for each other.
    PERFORM FROM credits_account a WHERE a.id = least(p_from, p_to) FOR NO KEY UPDATE;
    PERFORM FROM credits_account a WHERE a.id = greatest(p_from, p_to) FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    outcome := credits_transfer_refused(p_from, p_to);
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT CASE WHEN (e.amount, e.kind, e.reference, e.metadata - 'trace')
                     = (-p_amount, 'gift_sent', p_reference, v_metadata - 'trace')
                THEN 'repeated' ELSE 'conflict' END, e.id, e.version, e.balance_after
        INTO outcome, sent_id, v_version, balance_after
        FROM credits_entry e WHERE e.account_id = p_from AND e.key = p_key;
    IF FOUND THEN
        received_id := (SELECT e.id FROM credits_entry e
                        WHERE e.account_id = p_to AND e.key = format('gift:%s:%s', p_from, v_version));
        RETURN;
    END IF;

    SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    IF v_picked.missing > 0 AND credits_expire_holds_of(p_from, v_now) > 0 THEN
        SELECT * INTO v_picked FROM credits_pick_given(p_from, p_amount, v_now, p_fresh);
    END IF;
    IF v_picked.missing > 0 THEN
        SELECT CASE WHEN r.missing > 0 THEN 'insufficient' ELSE 'fresh' END, r.balance_after,
               CASE WHEN r.missing > 0 THEN r.missing ELSE v_picked.missing END
            INTO outcome, balance_after, missing FROM credits_refusal(p_from, p_amount, v_now) r;
        RETURN;
    END IF;
    SELECT * INTO sent_id, v_version, balance_after FROM credits_take(
        p_from, 'gift_sent', v_picked.lots, v_picked.taken, p_key, p_reference, v_metadata, v_now);
    received_id := credits_receive(
        p_to, p_from, v_picked.lots, v_picked.taken, format('gift:%s:%s', p_from, v_version), p_reference,
        p_metadata || jsonb_build_object('from', p_from), v_now);
    outcome := 'done';
END $$;
