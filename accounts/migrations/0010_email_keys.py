import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    """Gives every user who is written from here on their e-mail's normal form; 0011 gives it to those who are there.

    A stored generated column would need neither trigger nor check, but adding one writes the whole table anew while
    nobody can sign in: 12 s for a million users (docs/decisions/email-addresses.md).
    """

    dependencies = [
        ('accounts', '0009_list_indexes'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='email_key',
            field=models.TextField(db_default='', default='', editable=False, verbose_name='e-mail’s normal form'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='keeps_its_email_key', sql=pgtrigger.compiler.UpsertTriggerSql(func='NEW.email_key := lower(normalize(NEW.email, NFC) COLLATE "C"); RETURN NEW;', hash='55cc5a3738e188e740d87226cb4353adeb24ae84', operation='INSERT OR UPDATE OF "email", "email_key"', pgid='pgtrigger_keeps_its_email_key_cfab8', table='accounts_user', when='BEFORE')),
        ),
    ]
