-- What reports and BI tools read, documented as stable in docs/reporting.md. Made with the owner's rights on purpose: a
-- role may be given these four views and no table. Each reads from two things at least, so that PostgreSQL refuses
-- every INSERT, UPDATE and DELETE, also a superuser's.

CREATE FUNCTION reporting_main_units(minor bigint, currency text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN currency IN ('bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf',
                          'xof', 'xpf') THEN minor::numeric
        WHEN currency IN ('bhd', 'jod', 'kwd', 'omr', 'tnd') THEN minor * 0.001
        ELSE minor * 0.01
    END
$$;

CREATE VIEW credit_packages AS
SELECT
    p.id,
    p.code AS package_code,
    p.name AS package_name,
    p.description,
    p.credits,
    reporting_main_units(p.price_minor, p.currency) AS price,
    p.currency,
    CASE WHEN p.currency = 'usd' THEN reporting_main_units(p.price_minor, p.currency) END AS price_usd,
    p.is_active,
    p.badge = 'popular' AS is_popular,
    p.display_order,
    p.validity_days,
    p.stripe_price_id,
    p.stripe_product_id
FROM packages_package AS p, (VALUES (true)) AS read_only;

CREATE VIEW credit_purchases AS
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
    ) AS stripe_payment_id
FROM purchases_purchase AS p
LEFT JOIN accounts_user AS u ON u.id = p.user_id;

CREATE VIEW user_credits AS
SELECT
    a.id AS account_id,
    a.owner_id AS user_id,
    u.oidc_sub AS sub,
    a.team_id,
    a.balance,
    a.held,
    (
        SELECT coalesce(sum(e.amount), 0) FROM credits_entry AS e
        WHERE e.account_id = a.id AND e.kind = 'purchase'
    ) AS lifetime_purchased,
    a.created_at
FROM credits_account AS a
LEFT JOIN accounts_user AS u ON u.id = a.owner_id;

CREATE VIEW credit_transactions AS
SELECT
    e.id,
    e.account_id,
    a.owner_id AS user_id,
    u.oidc_sub AS sub,
    a.team_id,
    e.kind AS type,
    e.amount,
    e.balance_after,
    e.reference,
    e.created_at
FROM credits_entry AS e
JOIN credits_account AS a ON a.id = e.account_id
LEFT JOIN accounts_user AS u ON u.id = a.owner_id;
