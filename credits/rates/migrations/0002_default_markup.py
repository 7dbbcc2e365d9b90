from django.db import migrations

# 15 % on everything, from the moment of the migration: a row in the past is one that the guard refuses.
ADD = """
INSERT INTO rates_markup (provider, model, percent, effective_from)
SELECT '', '', 15, now() WHERE NOT EXISTS (SELECT FROM rates_markup WHERE provider = '')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("rates", "0001_initial"),
    ]

    operations = [
        # Backwards it stays: the guard keeps what was in force, and 0001 drops the table.
        migrations.RunSQL(ADD, migrations.RunSQL.noop),
    ]
