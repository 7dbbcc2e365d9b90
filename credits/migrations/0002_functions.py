from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()

DROP = """
DROP FUNCTION credits_verify_movement(credits_lotmovement);
DROP FUNCTION credits_verify_entry(credits_entry);
DROP FUNCTION credits_verify_account(uuid);
DROP FUNCTION credits_grant(uuid, numeric, text, text, text, jsonb, boolean, bigint, text, timestamptz);
"""


class Migration(migrations.Migration):
    """The functions that `credits.ledger` and the triggers call."""

    dependencies = [("credits", "0001_ledger")]
    operations = [migrations.RunSQL(SQL, DROP)]
