from pathlib import Path

from django.db import migrations

DROP = """
DROP VIEW credit_packages, credit_purchases, user_credits, credit_transactions;
DROP FUNCTION reporting_main_units(bigint, text);
"""


class Migration(migrations.Migration):
    """Create the views for reports. A column in a view can't be altered: see docs/contributing.md."""

    dependencies = [
        ("reporting", "0001_initial"),
        ("purchases", "0001_initial"),
        ("refunds", "0001_initial"),
        ("credits", "0002_functions"),
        ("accounts", "0001_initial"),
        ("teams", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(Path(__file__).with_suffix(".sql").read_text(), DROP),
    ]
