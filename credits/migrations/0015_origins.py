from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations

# The lots that a gift brought stand in its two entries in the same order. A gift of a gift leads on to the first lot.
# What it cost was rounded to whole units; what was paid for the first lot is exact. Its reference named somebody else's
# purchase.
FIND_ORIGINS = """
ALTER TABLE credits_lot DISABLE TRIGGER USER;
WITH RECURSIVE given AS (
    SELECT received.lot AS child, sent.lot AS parent, r.reference
    FROM credits_entry r
    JOIN credits_entry s ON s.id = substr(r.key, 6)::bigint AND s.kind = 'gift_sent'
    CROSS JOIN LATERAL unnest(r.lots) WITH ORDINALITY AS received (lot, place)
    JOIN LATERAL unnest(s.lots) WITH ORDINALITY AS sent (lot, place) ON sent.place = received.place
    WHERE r.kind = 'gift_received' AND r.key ~ '^gift:[0-9]+$'
), origins AS (
    SELECT child, parent, reference FROM given
    UNION ALL
    SELECT o.child, g.parent, o.reference FROM origins o JOIN given g ON g.child = o.parent
)
UPDATE credits_lot l
SET reference = o.reference, origin_lot = root.id, origin_account = root.account_id, cost_minor = root.cost_minor,
    cost_credits = CASE WHEN root.cost_minor IS NOT NULL THEN root.amount END
FROM origins o JOIN credits_lot root ON root.id = o.parent
WHERE l.id = o.child AND NOT EXISTS (SELECT FROM given g WHERE g.child = o.parent);
-- A pack without a price was given away.
UPDATE credits_lot SET promotional = true, cost_minor = NULL, cost_credits = NULL, currency = '' WHERE cost_minor = 0;
ALTER TABLE credits_lot ENABLE TRIGGER USER;
"""

# What was free beside a debt pays it off now, as it would have from the beginning.
PAY_DEBTS = "SELECT credits_offset_debt(id, clock_timestamp()) FROM credits_account WHERE debt > 0"


class Migration(migrations.Migration):
    """Lets credits that were given before remember where they came from, and accounts owe only while nothing is free."""

    dependencies = [("credits", "0014_clawback_functions")]
    operations = [
        migrations.RunSQL(FIND_ORIGINS, migrations.RunSQL.noop),
        migrations.RunSQL(PAY_DEBTS, migrations.RunSQL.noop),
        ValidateConstraint("entry", "credits_entry_has_an_amount_and_a_key"),
        ValidateConstraint("lot", "credits_lot_given_knows_its_origin"),
    ]
