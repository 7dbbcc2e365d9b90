from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_suffix(".sql").read_text()


class Migration(migrations.Migration):
    """The function that `accounts.clients.lookup` calls."""

    dependencies = [("clients", "0001_who_calls")]
    operations = [migrations.RunSQL(SQL, "DROP FUNCTION clients_find_key(text);")]
