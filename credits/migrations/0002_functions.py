from pathlib import Path

from django.db import migrations

# What a constraint or trigger of Django's or pgtrigger's can't say. pgtrigger's own triggers ask first whether they are to
# be ignored, which every spend would pay for.
CHECKS = """
CREATE TRIGGER credits_entry_continues_its_account BEFORE INSERT ON credits_entry
    FOR EACH ROW EXECUTE FUNCTION credits_seal_entry();
ALTER TABLE credits_hold ADD CONSTRAINT credits_hold_equals_pinned CHECK (
    cardinality(lots) = cardinality(pinned) AND remaining = credits_total(pinned)
);
"""
DROP_CHECKS = """
ALTER TABLE credits_hold DROP CONSTRAINT credits_hold_equals_pinned;
DROP TRIGGER credits_entry_continues_its_account ON credits_entry;
"""
DROP = r"""
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc WHERE proname LIKE 'credits\_%' AND pg_function_is_visible(oid) LOOP
        EXECUTE 'DROP FUNCTION ' || v_function;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(), DROP),
        migrations.RunSQL(CHECKS, DROP_CHECKS),
        # Rows that every spend updates: room on their page keeps the update there (HOT) and out of the indexes.
        migrations.RunSQL(
            "ALTER TABLE credits_account SET (fillfactor = 50); ALTER TABLE credits_lot SET (fillfactor = 50)",
            "ALTER TABLE credits_account RESET (fillfactor); ALTER TABLE credits_lot RESET (fillfactor)",
        ),
    ]
