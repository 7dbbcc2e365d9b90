-- Pins lots to a hold, or lets them go where the amounts are negative.
CREATE OR REPLACE FUNCTION credits_pin_lots(p_account uuid, p_lots bigint[], p_amounts numeric[])
RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE credits_lot l SET held = l.held + t.amount
        FROM unnest(p_lots, p_amounts) AS t (id, amount)
        WHERE l.account_id = p_account AND l.id = t.id AND t.amount <> 0;
END $$;
