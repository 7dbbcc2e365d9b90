from pathlib import Path

from django.db import migrations

DROP = """
DROP VIEW credit_packages, credit_purchases, user_credits, credit_transactions;
DROP FUNCTION billing_main_units(bigint, text);
"""


class Migration(migrations.Migration):
    """The views for reports. A column that one shows can't be changed while it stands: see docs/contributing.md."""

    dependencies = [
        ("billing", "0029_free_packs_once"),
        ("credits", "0020_adjustments_of_a_day"),
        ("accounts", "0016_no_indexes_in_capitals"),
    ]
    operations = [migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(), DROP)]
