from pathlib import Path

from django.db import migrations

FUNCTIONS = Path(__file__).with_suffix(".sql").read_text()
EARLIER = (Path(__file__).parent / "0002_functions.sql").read_text()
EARLIER_GRANT = EARLIER[EARLIER.index("-- Puts credits") : EARLIER.index("-- At commit")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")

DROP = """
DROP FUNCTION credits_spend_many(uuid[], numeric[], text[], text[], jsonb[]);
DROP FUNCTION credits_transfer(uuid, uuid, numeric, text, text, jsonb);
DROP FUNCTION credits_restore(uuid, bigint, numeric, numeric, text, text, text, jsonb);
DROP FUNCTION credits_reverse(uuid, bigint, numeric, text, text, text, text, jsonb);
DROP FUNCTION credits_expire_lots_of(uuid);
DROP FUNCTION credits_expire_holds_of(uuid, timestamptz);
DROP FUNCTION credits_release(uuid, boolean);
DROP FUNCTION credits_capture(uuid, numeric, text, boolean, text, jsonb);
DROP FUNCTION credits_pin_lots(bigint[], numeric[]);
DROP FUNCTION credits_open_hold(uuid, numeric, text, interval, text, text, jsonb);
DROP FUNCTION credits_move_lots(bigint[], numeric[]);
DROP FUNCTION credits_refusal(uuid, numeric, timestamptz);
DROP FUNCTION credits_untake(uuid, numeric);
DROP FUNCTION credits_spend(uuid, numeric, text, text, text, jsonb);
DROP FUNCTION credits_append(uuid, bigint, text, numeric, numeric, numeric, bigint[], numeric[], text, text, jsonb, timestamptz);
DROP FUNCTION credits_pick(uuid, numeric, timestamptz);
DROP FUNCTION credits_verify_holds(uuid);
DROP FUNCTION credits_verify_account(credits_account, credits_account);
DROP FUNCTION credits_verify_lots(uuid);
DROP FUNCTION credits_raise_lots_differ(uuid, numeric, numeric, numeric);
DROP FUNCTION credits_entry_hash(bytea, uuid, bigint, text, numeric, numeric, numeric, bigint[], numeric[], timestamptz, text);
"""

# Guards that need a function of the database: Django's constraints can't call one.
CHECKS = """
-- By hand: pgtrigger's own triggers ask first whether they are to be ignored, which every spend would pay for.
CREATE TRIGGER credits_entry_continues_its_account BEFORE INSERT ON credits_entry
    FOR EACH ROW EXECUTE FUNCTION credits_seal_entry();
ALTER TABLE credits_hold ADD CONSTRAINT credits_hold_equals_pinned CHECK (
    cardinality(lots) = cardinality(pinned) AND remaining = credits_total(pinned)
);
"""
DROP_CHECKS = """
ALTER TABLE credits_hold DROP CONSTRAINT credits_hold_equals_pinned;
DROP TRIGGER credits_entry_continues_its_account ON credits_entry;
DROP FUNCTION credits_seal_entry();
DROP FUNCTION credits_seal(credits_entry);
DROP FUNCTION credits_moved(numeric[]);
DROP FUNCTION credits_total(numeric[]);
"""

# Seals what was written before there were seals.
SEAL = """
ALTER TABLE credits_entry DISABLE TRIGGER USER;
DO $$
DECLARE
    e credits_entry;
    v_account uuid;
    v_hash bytea;
BEGIN
    FOR e IN SELECT * FROM credits_entry ORDER BY account_id, version LOOP
        v_hash := credits_entry_hash(CASE WHEN e.account_id = v_account THEN v_hash END, e.account_id, e.version, e.kind,
                                     e.amount, e.balance_after, e.owed, e.lots, e.moved, e.created_at, e.key);
        v_account := e.account_id;
        UPDATE credits_entry SET hash = v_hash WHERE id = e.id;
    END LOOP;
END $$;
ALTER TABLE credits_entry ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    """The functions that `credits.ledger` and the triggers call, and the checks that need one."""

    dependencies = [("credits", "0004_spending")]
    operations = [
        migrations.RunSQL(FUNCTIONS, DROP + EARLIER_GRANT),
        migrations.RunSQL(CHECKS, DROP_CHECKS),
        migrations.RunSQL(SEAL, migrations.RunSQL.noop),
        # Rows that every spend updates: room on their page keeps the update there (HOT) and out of the indexes.
        migrations.RunSQL(
            "ALTER TABLE credits_account SET (fillfactor = 50); ALTER TABLE credits_lot SET (fillfactor = 50)",
            "ALTER TABLE credits_account RESET (fillfactor); ALTER TABLE credits_lot RESET (fillfactor)",
        ),
    ]
