-- Puts what came from one lot of a giver into a lot of the receiver. It arrives as a lot of its own, with its
-- expiry, its kind and its cost, and remembers the lot that it first came in with; credits whose first lot is the
-- receiver's own go back to it. So a gift makes no credits live longer, cost nothing else, and hides none from a
-- clawback.
CREATE OR REPLACE FUNCTION credits_receive_lot(
    p_account uuid, p_amount numeric, p_promotional boolean, p_cost_minor bigint, p_cost_credits numeric,
    p_currency text, p_origin_lot bigint, p_origin_account uuid, p_expires_at timestamptz, p_reference text,
    p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
BEGIN
    IF p_origin_account = p_account THEN
        -- They may have been given time while they were away.
        UPDATE credits_lot l
            SET remaining = l.remaining + p_amount, exhausted = false,
                expires_at = greatest(l.expires_at, p_expires_at),
                extended_by = l.extended_by
                    + make_interval(secs => greatest(0, extract(epoch FROM p_expires_at - l.expires_at)))
            WHERE l.account_id = p_account AND l.id = p_origin_lot;
        RETURN p_origin_lot;
    END IF;
    RETURN credits_add_lot(p_account, p_amount, p_promotional, p_cost_minor, p_cost_credits, p_currency, p_origin_lot,
                           p_origin_account, p_expires_at, p_reference, p_now);
END $$;
