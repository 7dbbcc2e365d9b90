import accounts.clients.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A scope to act on other clients' holds. Nobody has it until staff give it."""

    dependencies = [
        ('clients', '0002_one_audit'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='apiclient',
            name='clients_client_scopes_exist',
        ),
        migrations.RemoveConstraint(
            model_name='apikey',
            name='clients_key_scopes_exist',
        ),
        migrations.AlterField(
            model_name='apiclient',
            name='scopes',
            field=accounts.clients.models.ScopesField(base_field=models.CharField(choices=[('read', 'Read balances and entries'), ('spend', 'Spend and hold credits'), ('transfer', 'Transfer credits between accounts'), ('act_for_others', 'Capture, release and read holds of other clients')], max_length=20), blank=True, default=list, size=None, verbose_name='scopes'),
        ),
        migrations.AlterField(
            model_name='apikey',
            name='scopes',
            field=accounts.clients.models.ScopesField(base_field=models.CharField(choices=[('read', 'Read balances and entries'), ('spend', 'Spend and hold credits'), ('transfer', 'Transfer credits between accounts'), ('act_for_others', 'Capture, release and read holds of other clients')], max_length=20), blank=True, help_text='Empty: all that its client has.', null=True, size=None, verbose_name='scopes'),
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['read', 'spend', 'transfer', 'act_for_others'])), name='clients_client_scopes_exist'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__isnull', True), ('scopes__contained_by', ['read', 'spend', 'transfer', 'act_for_others']), _connector='OR'), name='clients_key_scopes_exist'),
        ),
    ]
