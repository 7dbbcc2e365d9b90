"""Keep the counts of rate limits. Unlogged: nothing is written ahead, nobody waits for a disk or a standby, and a crash
of the server empties the table, which only forgives what was counted in the last minutes.
"""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE limits_count (
    name text PRIMARY KEY,
    ends_at bigint NOT NULL,
    count bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE limits_count IS 'Requests of the current window, by limited name; see accounts/limits/stores.py';
"""


class Migration(migrations.Migration):
    dependencies = []

    operations = [migrations.RunSQL(CREATE, "DROP TABLE limits_count;")]
