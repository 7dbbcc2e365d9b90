from pathlib import Path

from django.db import migrations

CREATE = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    dependencies = [
        ("rates", "0002_default_markup"),
    ]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION rates_card(text, text, timestamptz)"),
    ]
