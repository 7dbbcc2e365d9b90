from decimal import ROUND_HALF_EVEN, Decimal

from django.db import migrations

FILL = """
-- The payment that a purchase has on record: the accepted one, or the one that was held back or failed.
INSERT INTO billing_payment (id, purchase_id, lot_id, stripe_payment_intent_id, stripe_charge_id, amount_minor, currency,
                             state, livemode, attention, detail, method, brand, last4, fingerprint, wallet, bank, paid_at,
                             reported_at, created_at)
SELECT gen_random_uuid(), p.id, e.lots[1], p.stripe_payment_intent_id, '',
       coalesce(u.amount_minor, p.paid_minor, p.price_minor), coalesce(u.currency, p.currency),
       CASE WHEN p.completed_at IS NOT NULL OR u.id IS NOT NULL THEN 'paid'
            WHEN p.status = 'processing' THEN 'processing' ELSE 'failed' END,
       (SELECT coalesce(bool_or(stripe_session_id LIKE 'cs_live_%%'), false) FROM billing_purchase),
       CASE WHEN e.id IS NULL THEN coalesce(u.attention, '') ELSE '' END,
       CASE WHEN e.id IS NULL THEN coalesce(u.detail, '') ELSE '' END,
       '', '', '', '', '', '', coalesce(p.completed_at, u.created_at), coalesce(p.completed_at, p.created_at), p.created_at
FROM billing_purchase p
LEFT JOIN billing_uncreditedpayment u ON u.stripe_payment_intent_id = p.stripe_payment_intent_id
LEFT JOIN credits_entry e ON p.completed_at IS NOT NULL AND e.account_id = p.account_id AND e.key = 'purchase:' || p.id
WHERE p.stripe_payment_intent_id IS NOT NULL AND coalesce(u.amount_minor, p.paid_minor, p.price_minor) > 0;

-- Second payments.
INSERT INTO billing_payment (id, purchase_id, stripe_payment_intent_id, stripe_charge_id, amount_minor, currency, state,
                             livemode, attention, detail, method, brand, last4, fingerprint, wallet, bank, paid_at,
                             reported_at, created_at)
SELECT gen_random_uuid(), u.purchase_id, u.stripe_payment_intent_id, '', u.amount_minor, u.currency, 'paid',
       (SELECT coalesce(bool_or(stripe_session_id LIKE 'cs_live_%%'), false) FROM billing_purchase), u.attention,
       u.detail, '', '', '', '', '', '', u.created_at, u.created_at, u.created_at
FROM billing_uncreditedpayment u JOIN billing_purchase p ON p.id = u.purchase_id
ON CONFLICT DO NOTHING;

UPDATE billing_payment y SET stripe_charge_id = d.charge
FROM (SELECT DISTINCT ON (stripe_payment_intent_id) stripe_payment_intent_id AS intent, stripe_charge_id AS charge
      FROM billing_dispute WHERE stripe_charge_id <> '') d
WHERE y.stripe_payment_intent_id = d.intent;

UPDATE billing_refund r SET payment_id = y.id, made_at = CASE WHEN r.stripe_refund_id IS NOT NULL THEN r.created_at END,
       counted_minor = CASE WHEN r.currency = y.currency THEN r.amount_minor END
FROM billing_payment y WHERE y.stripe_payment_intent_id = r.stripe_payment_intent_id;
UPDATE billing_dispute d SET payment_id = y.id, made_at = d.created_at,
       counted_minor = CASE WHEN d.currency = y.currency THEN d.amount_minor END,
       policy = CASE WHEN d.status = 'lost' AND d.credits_owed > 0 THEN 'debt' ELSE 'cap' END
FROM billing_payment y WHERE y.stripe_payment_intent_id = d.stripe_payment_intent_id;

-- What is of no payment of ours was never ours. It stays in the inbox.
SET CONSTRAINTS ALL IMMEDIATE;  -- a table whose changes are still to be looked at can't be altered
ALTER TABLE billing_refund DISABLE TRIGGER USER;
ALTER TABLE billing_dispute DISABLE TRIGGER USER;
DELETE FROM billing_refund WHERE payment_id IS NULL;
DELETE FROM billing_dispute WHERE payment_id IS NULL;
ALTER TABLE billing_refund ENABLE TRIGGER USER;
ALTER TABLE billing_dispute ENABLE TRIGGER USER;
SET CONSTRAINTS ALL DEFERRED;
UPDATE billing_inboxevent SET status = 'not_ours' WHERE status = 'unmatched';

-- One row for each problem: the newest waits.
UPDATE billing_reconciliationfinding
SET key = kind || ':' || coalesce(purchase_id::text, nullif(session_id, ''), id::text);
UPDATE billing_reconciliationfinding f SET state = 'settled', settled_at = now()
WHERE state = 'waiting' AND EXISTS (
    SELECT FROM billing_reconciliationfinding n WHERE n.key = f.key AND n.state = 'waiting' AND n.id > f.id
);

-- By Stripe's days from now on.
UPDATE billing_salescount SET zone = '';
"""

# Their terms begin when credits arrive, not when they were ordered. What arrived expired, and nobody could use, lives on from
# now for as long; what was booked out of a lot that would still live comes back to it.
LENGTHEN = """
WITH bought AS (
    SELECT p.account_id, e.lots[1] AS lot, p.completed_at + make_interval(hours => 24 * p.validity_days) AS ends
    FROM billing_purchase p JOIN credits_entry e ON e.account_id = p.account_id AND e.key = 'purchase:' || p.id
    WHERE p.validity_days IS NOT NULL
)
UPDATE credits_lot l
SET expires_at = CASE WHEN l.expires_at <= l.created_at THEN now() - l.created_at + b.ends ELSE b.ends END,
    extended_by = CASE WHEN l.expires_at <= l.created_at THEN now() - l.created_at ELSE interval '0' END
FROM bought b WHERE l.account_id = b.account_id AND l.id = b.lot AND l.expires_at < b.ends
RETURNING l.account_id, l.id, l.expires_at > now()
"""
GIVE_BACK = """
SELECT credits_give_back(e.account_id, e, 'terms:' || e.id, e.reference, '{"description": "Its terms began too early"}', now())
FROM credits_entry e WHERE e.account_id = %s AND e.kind = 'expiry' AND e.lots = ARRAY[%s]::bigint[]
"""


def lengthen(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(LENGTHEN)
        for account, lot, lives in cursor.fetchall():
            if lives:
                cursor.execute(GIVE_BACK, [account, lot])
                cursor.execute("SELECT credits_claim_freed(%s, ARRAY[%s]::bigint[], now())", [account, lot])


RETURNS = """
SELECT id, kind, policy, counted, at FROM (
    SELECT id, 'refund' AS kind, CASE policy WHEN 'debt' THEN 'debt' ELSE 'cap' END AS policy,
           coalesce(counted_minor, 0) AS counted, coalesce(made_at, created_at) AS at,
           coalesce(stripe_refund_id, id::text) AS name
    FROM billing_refund
    WHERE payment_id = %s AND status IN ('requested', 'pending', 'requires_action', 'succeeded')
    UNION ALL
    SELECT id, 'dispute', policy, coalesce(counted_minor, 0), made_at, stripe_dispute_id
    FROM billing_dispute WHERE payment_id = %s AND status IN ('needs_response', 'under_review', 'lost')
) returns ORDER BY at, name COLLATE "C"
"""
CLAW_BACK = """
SELECT * FROM credits_claw_back(%s, %s, %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::numeric[],
                                %s::jsonb[], 'refund', '{"migrated": true}')
"""
WITH_RETURNS = """
SELECT y.id, p.account_id, y.lot_id, p.credits, p.paid_minor FROM billing_payment y
JOIN billing_purchase p ON p.id = y.purchase_id
WHERE y.lot_id IS NOT NULL AND (EXISTS (SELECT FROM billing_refund r WHERE r.payment_id = y.id)
                                OR EXISTS (SELECT FROM billing_dispute d WHERE d.payment_id = y.id))
"""


def claim_back(apps, schema_editor):
    """Says to the ledger which refunds and disputes stand, and so books what they should have taken and did not."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(WITH_RETURNS)
        for payment, account, lot, credits, paid in cursor.fetchall():
            cursor.execute(RETURNS, [payment, payment])
            returns = cursor.fetchall()
            shares, so_far = [], 0
            for _id, _kind, _policy, counted, _at in returns:
                before, so_far = share(credits, paid, so_far), so_far + counted
                shares.append(share(credits, paid, so_far) - before)
            columns = list(zip(*returns, strict=True)) or [(), (), (), (), ()]
            ids, kinds, policies, _counted, ats = (list(column) for column in columns)
            cursor.execute(
                CLAW_BACK, [account, lot, ids, ats, kinds, policies, shares, ["{}"] * len(returns)]
            )


def share(credits, paid, returned):
    if returned >= paid:
        return credits.quantize(Decimal("0.000001")) if returned else Decimal(0)
    return (credits * returned / paid).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)


class Migration(migrations.Migration):
    """Makes the rows of the payments that there were, and lets refunds, disputes and their credits hang on them.

    There is no way back: what is booked for them can't be told by the columns that held it before.
    """

    dependencies = [("billing", "0019_payments")]
    operations = [
        migrations.RunSQL(FILL),
        migrations.RunPython(lengthen),
        migrations.RunPython(claim_back),
    ]
