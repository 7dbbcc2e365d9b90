from pathlib import Path

from django.db import migrations

VIEW = Path(__file__).with_suffix(".sql").read_text()
ADDED = """,
    reporting_main_units(p.promotion_minor, p.currency) AS promotion,
    reporting_main_units(p.tax_minor, p.currency) AS tax"""
RESTORE = "DROP VIEW credit_purchases;\n" + VIEW.replace(ADDED, "")


class Migration(migrations.Migration):
    """Append promotion and tax to the view of purchases. New columns at the end leave it, and its grants, in place."""

    dependencies = [
        ("reporting", "0004_tax"),
        ("purchases", "0009_tax"),
    ]

    operations = [
        migrations.RunSQL(VIEW, RESTORE),
    ]
