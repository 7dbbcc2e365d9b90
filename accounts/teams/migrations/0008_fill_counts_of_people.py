from django.db import migrations

AT_ONCE = 2000
FILL = """
    WITH batch AS (SELECT id FROM teams_memberallowance WHERE id > %s ORDER BY id LIMIT %s),
         filled AS (UPDATE teams_memberallowance a SET team_id = m.team_id, user_id = m.user_id
                    FROM batch, teams_membership m
                    WHERE a.id = batch.id AND m.id = a.membership_id AND a.team_id IS NULL)
    SELECT max(id) FROM batch
"""


def fill_counts(apps, schema_editor):
    """Some at a time, each time in a transaction of its own: no spend waits for long, and it can be run again."""
    last = 0
    with schema_editor.connection.cursor() as cursor:
        while last is not None:
            cursor.execute(FILL, [last, AT_ONCE])
            [last] = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('teams', '0007_counts_of_people')]
    operations = [migrations.RunPython(fill_counts, migrations.RunPython.noop)]
