from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "clawbacks_sql"
NEW = "".join((SQL / f"{name}.sql").read_text() for name in ("debt", "clawbacks", "incoming", "holds", "ending"))

# What clawbacks took the place of.
DROP_OLD = """
DROP FUNCTION credits_reverse(uuid, bigint, numeric, text, text, text, text, jsonb);
DROP FUNCTION credits_restore(uuid, bigint, numeric, numeric, text, text, text, jsonb);
"""


class Migration(migrations.Migration):
    """The functions that `credits.ledger` calls for clawbacks, and those that had to learn of them.

    There is no way back: what they book, the functions before couldn't go on from.
    """

    dependencies = [("credits", "0013_clawbacks")]
    operations = [migrations.RunSQL(DROP_OLD + NEW)]
