-- Adds a lot, whole and free. What was given names the lot that it first came in with, and what that one cost.
CREATE OR REPLACE FUNCTION credits_add_lot(
    p_account uuid, p_amount numeric, p_promotional boolean, p_cost_minor bigint, p_cost_credits numeric,
    p_currency text, p_origin_lot bigint, p_origin_account uuid, p_expires_at timestamptz, p_reference text,
    p_now timestamptz
)
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO credits_lot (account_id, amount, remaining, promotional, cost_minor, cost_credits, currency,
                             origin_lot, origin_account, expires_at, reference, created_at)
        VALUES (p_account, p_amount, p_amount, p_promotional, p_cost_minor, p_cost_credits, p_currency, p_origin_lot,
                p_origin_account, p_expires_at, p_reference, p_now)
        RETURNING id INTO v_id;
    RETURN v_id;
END $$;
