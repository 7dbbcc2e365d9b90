"""Define the invariants between Stripe's payments and the ledger's credits, each with a query for violations.

`check_ledger` proves them with the ledger's own (`credits.proof`). Each query selects (subject, detail); no rows is
the proof. A share of credits may be off by one rounding.
"""

from __future__ import annotations

from billing.refunds.claims_sql import CLAIMS, LOTS, REVERSALS, STANDING_DISPUTES, STANDING_REFUNDS

ROUNDING = "0.000001"

OF_PAYMENTS: dict[str, str] = {
    "purchase_has_the_credits_it_paid_for": """
        SELECT 'purchase ' || u.id,
               format('%s, %s credits for %s %s; its payment of %s %s brought a lot of %s for %s %s', u.status,
                      u.credits, u.paid_minor, u.currency, p.amount_minor, p.currency, l.amount, l.cost_minor,
                      l.currency)
        FROM purchases_purchase u
        LEFT JOIN purchases_payment p ON p.purchase_id = u.id AND p.lot_id IS NOT NULL
        LEFT JOIN credits_entry e ON e.account_id = u.account_id AND e.key = 'purchase:' || u.id
        LEFT JOIN credits_lot l ON l.account_id = u.account_id AND l.id = e.lots[1]
        LEFT JOIN purchases_scheduledgrant s ON s.purchase_id = u.id AND s.position = 1
        WHERE (u.completed_at IS NOT NULL) <> (l.id IS NOT NULL)
           OR (p.id IS NOT NULL) <> (u.completed_at IS NOT NULL AND u.paid_minor > 0)
           OR l.id IS NOT NULL AND (l.amount <> coalesce(s.credits, u.credits) OR l.promotional <> (u.paid_minor = 0))
           OR p.id IS NOT NULL AND (
               (p.lot_id, p.amount_minor, p.currency) IS DISTINCT FROM (l.id, u.paid_minor, u.currency)
               OR p.tax_minor <> u.tax_minor
               OR (l.cost_minor, l.currency)
                  IS DISTINCT FROM (coalesce(s.cost_minor, u.paid_minor - u.tax_minor), u.currency))
    """,
    "scheduled_grants_add_up": """
        SELECT 'purchase ' || u.id,
               format('%s grants of %s credits and a bonus of %s for %s %s; scheduled are %s of %s and %s for %s',
                      u.grants_count, u.credits, u.bonus_credits, n.minor, u.currency, s.number, s.credits, s.bonus,
                      s.minor)
        FROM purchases_purchase u
        CROSS JOIN LATERAL (SELECT u.price_minor - u.promotion_minor
                                   - CASE u.tax_behavior WHEN 'inclusive' THEN u.tax_minor ELSE 0 END AS minor) n
        CROSS JOIN LATERAL (SELECT count(*) AS number, sum(credits) FILTER (WHERE NOT is_bonus) AS credits,
                                   coalesce(sum(credits) FILTER (WHERE is_bonus), 0) AS bonus,
                                   sum(cost_minor) AS minor
                            FROM purchases_scheduledgrant WHERE purchase_id = u.id) s
        WHERE CASE WHEN u.grants_count = 1 OR u.stripe_invoice_id = '' AND u.completed_at IS NULL THEN s.number > 0
              ELSE (s.number, s.credits, s.bonus, s.minor)
                   IS DISTINCT FROM (u.grants_count, u.credits, u.bonus_credits, n.minor) END
    """,
    "scheduled_grants_brought_their_lots": """
        SELECT 'purchase ' || u.id,
               format('grant %s of %s credits for %s %s brought a lot of %s for %s %s', s.position, s.credits,
                      s.cost_minor, u.currency, l.amount, l.cost_minor, l.currency)
        FROM purchases_scheduledgrant s JOIN purchases_purchase u ON u.id = s.purchase_id
        LEFT JOIN credits_entry e ON e.account_id = u.account_id
            AND e.key = 'purchase:' || u.id || CASE s.position WHEN 1 THEN '' ELSE ':' || s.position END
        LEFT JOIN credits_lot l ON l.account_id = u.account_id AND l.id = e.lots[1]
        WHERE s.lot_id IS DISTINCT FROM l.id
           OR l.id IS NOT NULL AND (l.amount <> s.credits
               OR CASE WHEN s.is_bonus OR u.paid_minor = 0 THEN NOT l.promotional
                  ELSE (l.cost_minor, l.currency) IS DISTINCT FROM (s.cost_minor, u.currency) END)
    """,
    "credits_live_from_their_arrival": """
        SELECT 'purchase ' || u.id,
               format('%s days from %s on, its lot %s expires at %s', x.days, l.created_at, l.id, l.expires_at)
        FROM purchases_purchase u
        CROSS JOIN LATERAL (VALUES ('', u.validity_days),
                                   (CASE WHEN u.bonus_credits > 0 THEN ':2' END, u.bonus_validity_days)) x (key, days)
        JOIN credits_entry e ON e.account_id = u.account_id AND e.key = 'purchase:' || u.id || x.key
        JOIN credits_lot l ON l.account_id = u.account_id AND l.id = e.lots[1]
        WHERE (l.expires_at - l.extended_by <= l.created_at OR NOT l.exhausted AND l.expires_at > now())
              AND l.expires_at - l.extended_by < l.created_at + make_interval(hours => 24 * x.days - 1)
    """,
    "lines_add_up_and_brought_their_lots": """
        SELECT 'purchase ' || u.id,
               format('%s credits and a bonus of %s for %s %s in %s lots; its packages are %s and %s for %s in %s, '
                      'of which %s differ', u.credits, u.bonus_credits, u.price_minor, u.currency, u.grants_count,
                      n.credits, n.bonus, n.minor, n.lots, n.wrong)
        FROM purchases_purchase u
        CROSS JOIN LATERAL (
            SELECT sum(i.credits) AS credits, sum(i.bonus_credits) AS bonus, sum(i.price_minor) AS minor,
                   count(*) + count(*) FILTER (WHERE i.bonus_credits > 0) AS lots,
                   count(*) FILTER (WHERE u.completed_at IS NOT NULL AND NOT EXISTS (
                       SELECT FROM purchases_scheduledgrant s
                       WHERE s.line_id = i.id AND NOT s.is_bonus AND s.credits = i.credits
                             AND s.expires_at IS NOT DISTINCT FROM
                                 s.due_at + make_interval(hours => 24 * i.validity_days)
                   )) AS wrong
            FROM purchases_purchaseline i WHERE i.purchase_id = u.id
        ) n
        WHERE u.package_code = 'several' AND (n.wrong > 0 OR
            (u.credits, u.bonus_credits, u.price_minor, u.grants_count) IS DISTINCT FROM
            (n.credits, n.bonus, n.minor, n.lots))
    """,
    "claims_are_what_went_back": f"""
        SELECT 'payment ' || coalesce(r.payment_id, c.payment_id),
               format('%s asks for %s credits by %s at place %s, claimed are %s by %s at place %s',
                      coalesce(r.id, c.id), coalesce(r.share, 0), r.policy, r.place, coalesce(c.amount, 0), c.policy,
                      c.position)
        FROM (SELECT * FROM ({CLAIMS}) a WHERE lot_id IS NOT NULL) r
        FULL JOIN (SELECT c.*, l.payment_id
                   FROM credits_clawback c JOIN ({LOTS}) l ON l.lot_id = c.lot_id AND l.account_id = c.account_id
                   WHERE c.amount > 0) c ON c.id = r.id
        WHERE abs(coalesce(r.share, 0) - coalesce(c.amount, 0)) > {ROUNDING}
           OR c.id IS NOT NULL AND r.id IS NOT NULL
              AND (c.lot_id, c.policy, c.position) <> (r.lot_id, r.policy, r.place)
    """,  # noqa: S608
    "nobody_keeps_both_money_and_credits": f"""
        SELECT 'payment ' || p.id, format('of %s %s %s went back, and %s of %s credits are free', u.paid_minor,
                                          u.currency, r.returned, l.remaining - l.held, x.stop - x.start)
        FROM (SELECT payment_id, max(up_to) AS returned, max(credits_up_to) AS went_back
              FROM ({REVERSALS}) a GROUP BY payment_id) r
        JOIN purchases_payment p ON p.id = r.payment_id JOIN purchases_purchase u ON u.id = p.purchase_id
        JOIN ({LOTS}) x ON x.payment_id = p.id
        JOIN credits_lot l ON l.account_id = u.account_id AND l.id = x.lot_id
        WHERE (l.expires_at IS NULL OR l.expires_at > now())
              AND l.remaining - l.held
                  > least(x.stop - x.start, greatest(0, x.stop - r.went_back)) + {ROUNDING}
    """,  # noqa: S608
    "returns_count_in_their_payments_currency": """
        SELECT r.what || ' ' || r.id, format('%s %s of a payment in %s, counted as %s by %L', r.amount_minor,
                                             r.currency, p.currency, r.counted_minor, r.counted_by)
        FROM (
            SELECT 'refund' AS what, id, payment_id, amount_minor, currency, counted_minor, counted_by
            FROM refunds_refund
            UNION ALL
            SELECT 'dispute', id, payment_id, amount_minor, currency, counted_minor, counted_by FROM refunds_dispute
        ) r
        JOIN purchases_payment p ON p.id = r.payment_id
        WHERE CASE
            WHEN r.currency = p.currency THEN (r.counted_minor, r.counted_by) IS DISTINCT FROM (r.amount_minor, '')
            ELSE (r.counted_minor IS NULL) <> (r.counted_by = '') END
    """,
    "purchase_says_what_came_of_its_money": f"""
        SELECT 'purchase ' || u.id, format('%s, %s of %s refunded; by its refunds %s, disputed: %s', u.status,
                                           u.refunded_minor, u.paid_minor, r.refunded, r.disputed)
        FROM purchases_purchase u
        JOIN purchases_payment p ON p.purchase_id = u.id AND p.lot_id IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT least(u.paid_minor, (SELECT coalesce(sum(counted_minor), 0) FROM refunds_refund
                                        WHERE payment_id = p.id AND status IN ({STANDING_REFUNDS}))) AS refunded,
                   EXISTS (SELECT FROM refunds_dispute
                           WHERE payment_id = p.id AND status IN ({STANDING_DISPUTES})) AS disputed
        ) r
        WHERE u.refunded_minor <> r.refunded
           OR u.status <> CASE WHEN r.disputed THEN 'disputed' WHEN r.refunded = 0 THEN 'completed'
                               WHEN r.refunded = u.paid_minor THEN 'refunded' ELSE 'partially_refunded' END
    """,  # noqa: S608
    "discount_codes_count_their_uses": """
        SELECT 'discount code ' || c.code, format('%s uses count; found were %s', c.used, u.number)
        FROM discounts_discountcode c
        CROSS JOIN LATERAL (SELECT count(*) AS number FROM discounts_discountuse d
                            JOIN purchases_purchase p ON p.id = d.purchase_id
                            WHERE d.discount_code_id = c.id AND p.status NOT IN ('expired', 'failed', 'refunded')) u
        WHERE c.used <> u.number
    """,
    "everything_is_of_one_stripe_account": """
        SELECT 'payment ' || p.id, format('live: %s, the data is of %s', p.livemode, a.account_id)
        FROM purchases_payment p JOIN stripe_stripeaccount a ON a.livemode <> p.livemode
        UNION ALL
        SELECT 'event ' || e.id, format('applied, and of the account %L, live: %s', e.account, e.livemode)
        FROM inbox_inboxevent e JOIN stripe_stripeaccount a
            ON a.livemode <> e.livemode OR e.account NOT IN ('', a.account_id)
        WHERE e.status IN ('applied', 'unmatched')
    """,
}
