"""Say in SQL what refunds and disputes claim of each lot, as `billing.refunds.claims` works it out.

For proofs and figures, which read all payments at once.
"""

from __future__ import annotations

from billing.refunds.models import Dispute, Refund


def _in(statuses: tuple[str, ...]) -> str:
    return ", ".join(f"'{status}'" for status in statuses)


STANDING_REFUNDS, STANDING_DISPUTES = _in(Refund.STANDING), _in(Dispute.STANDING)

# Refunds and disputes that hold money back, in Stripe's order, with the cumulative amount before and after each, and
# the credits that go back with these (`credits_for`).
_REVERSALS = """
    SELECT a.*, CASE WHEN before > 0 THEN bonus_credits + credits * before / paid_minor ELSE 0 END AS credits_before,
           CASE WHEN up_to > 0 THEN bonus_credits + credits * up_to / paid_minor ELSE 0 END AS credits_up_to
    FROM (
        SELECT r.id, r.payment_id, r.policy, r.at, u.credits, u.bonus_credits, u.paid_minor,
               row_number() OVER line AS place,
               least(u.paid_minor, sum(r.minor) OVER line - r.minor) AS before,
               least(u.paid_minor, sum(r.minor) OVER line) AS up_to
        FROM (
            SELECT id, payment_id, coalesce(counted_minor, 0) AS minor, coalesce(made_at, created_at) AS at,
                   coalesce(stripe_refund_id, id::text) AS name,
                   CASE policy WHEN 'debt' THEN 'debt' ELSE 'cap' END AS policy
            FROM refunds_refund WHERE status IN ({refunds}) AND {among}
            UNION ALL
            SELECT id, payment_id, coalesce(counted_minor, 0), made_at, stripe_dispute_id,
                   CASE status WHEN 'lost' THEN policy ELSE 'cap' END
            FROM refunds_dispute WHERE status IN ({disputes}) AND {among}
        ) r
        JOIN purchases_payment p ON p.id = r.payment_id JOIN purchases_purchase u ON u.id = p.purchase_id
        WHERE p.lot_id IS NOT NULL
        WINDOW line AS (PARTITION BY r.payment_id ORDER BY r.at, r.name COLLATE "C")
    ) a
"""
REVERSALS = _REVERSALS.format(refunds=STANDING_REFUNDS, disputes=STANDING_DISPUTES, among="TRUE")

# Scheduled grants, each with its span of the purchase's credits, claimed from the last on, so that a bonus goes first.
# Without a lot it is to come.
_SCHEDULED = """
    SELECT p.id AS payment_id, u.account_id, s.lot_id, s.position, s.cost_minor, p.currency,
           u.credits + u.bonus_credits - sum(s.credits) OVER line AS start,
           u.credits + u.bonus_credits - sum(s.credits) OVER line + s.credits AS stop
    FROM purchases_scheduledgrant s JOIN purchases_purchase u ON u.id = s.purchase_id
    JOIN purchases_payment p ON p.purchase_id = u.id AND p.lot_id IS NOT NULL
    WHERE {among}
    WINDOW line AS (PARTITION BY s.purchase_id ORDER BY s.position)
"""
SCHEDULED = _SCHEDULED.format(among="TRUE")
# Those that come one after the other, as a year's do; the others come together.
STAGGERED = _SCHEDULED.format(among="u.stripe_invoice_id <> ''")
# The lots of all accepted payments.
LOTS = f"""
    SELECT p.id AS payment_id, u.account_id, p.lot_id, 1 AS position, u.paid_minor - u.tax_minor AS cost_minor,
           p.currency, 0::numeric AS start, u.credits AS stop
    FROM purchases_payment p JOIN purchases_purchase u ON u.id = p.purchase_id
    WHERE p.lot_id IS NOT NULL AND u.grants_count = 1
    UNION ALL {SCHEDULED}
"""  # noqa: S608
# What each reversal claims of each lot, in credits; the id is that of its clawback (`claim_id`).
_CLAIMS = """
    SELECT CASE l.position WHEN 1 THEN r.id ELSE md5(r.id || '/' || l.position)::uuid END AS id,
           r.payment_id, r.policy, r.place, r.at, l.position, l.lot_id, l.cost_minor, l.currency,
           l.stop - l.start AS credits,
           greatest(0, least(l.stop, r.credits_up_to) - greatest(l.start, r.credits_before)) AS share
    FROM ({reversals}) r JOIN ({lots}) l ON l.payment_id = r.payment_id
"""
CLAIMS = _CLAIMS.format(reversals=REVERSALS, lots=LOTS)
CLAIMS_ON_STAGGERED = _CLAIMS.format(
    reversals=_REVERSALS.format(
        refunds=STANDING_REFUNDS,
        disputes=STANDING_DISPUTES,
        among="""payment_id IN (SELECT p.id FROM purchases_scheduledgrant s
                                JOIN purchases_purchase u ON u.id = s.purchase_id AND u.stripe_invoice_id <> ''
                                JOIN purchases_payment p ON p.purchase_id = s.purchase_id)""",
    ),
    lots=STAGGERED,
)
