-- Which lots pay what a capture is above its hold, as credits_pick; "owed" is what they don't cover. Overdue holds give
-- back first.
CREATE OR REPLACE FUNCTION credits_pick_surplus(
    p_account uuid, p_surplus numeric, p_now timestamptz, OUT lots bigint[], OUT taken numeric[], OUT owed numeric
)
RETURNS record
LANGUAGE plpgsql
AS $$
DECLARE
    v_free numeric;
BEGIN
    lots := '{}';
    taken := '{}';
    owed := p_surplus;
    IF p_surplus > 0 THEN
        PERFORM credits_expire_holds_of(p_account, p_now);
        SELECT greatest(0, a.balance - a.held) INTO v_free FROM credits_account a WHERE a.id = p_account;
        SELECT p.lots, p.taken INTO lots, taken FROM credits_pick(p_account, least(p_surplus, v_free), p_now) p;
        owed := p_surplus - credits_total(taken);
    END IF;
END $$;
