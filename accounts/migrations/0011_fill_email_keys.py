from django.db import migrations

AT_ONCE = 2000
# The trigger of 0010 writes the key.
FILL = """
    WITH batch AS (SELECT id FROM accounts_user WHERE id > %s ORDER BY id LIMIT %s),
         filled AS (UPDATE accounts_user u SET email_key = '' FROM batch
                    WHERE u.id = batch.id AND u.email <> '' AND u.email_key = '')
    SELECT (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
"""
NOBODY = '00000000-0000-0000-0000-000000000000'


def fill_email_keys(apps, schema_editor):
    """Some at a time, each time in a transaction of its own: nobody waits, and it can be run again."""
    last = NOBODY
    with schema_editor.connection.cursor() as cursor:
        while last is not None:
            cursor.execute(FILL, [last, AT_ONCE])
            [last] = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('accounts', '0010_email_keys')]
    operations = [migrations.RunPython(fill_email_keys, migrations.RunPython.noop)]
