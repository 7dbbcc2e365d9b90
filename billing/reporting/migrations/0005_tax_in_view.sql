CREATE OR REPLACE VIEW credit_purchases AS
SELECT
    p.id,
    p.user_id,
    u.oidc_sub AS sub,
    p.account_id,
    p.package_id,
    p.package_code,
    p.package_name,
    p.credits AS amount_credits,
    reporting_main_units(p.price_minor, p.currency) AS price,
    reporting_main_units(coalesce(p.paid_minor, 0), p.currency) AS amount_paid,
    reporting_main_units(p.list_price_minor - p.price_minor, p.currency) AS discount_applied,
    reporting_main_units(p.refunded_minor, p.currency) AS amount_refunded,
    p.currency,
    p.status,
    p.created_at,
    p.completed_at,
    p.stripe_session_id,
    (
        SELECT y.stripe_payment_intent_id FROM purchases_payment AS y WHERE y.purchase_id = p.id
        ORDER BY y.lot_id IS NOT NULL DESC, y.created_at DESC LIMIT 1
    ) AS stripe_payment_id,
    reporting_main_units(p.promotion_minor, p.currency) AS promotion,
    reporting_main_units(p.tax_minor, p.currency) AS tax
FROM purchases_purchase AS p
LEFT JOIN accounts_user AS u ON u.id = p.user_id;
