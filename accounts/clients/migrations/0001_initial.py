import accounts.clients.models
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiClient',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('oidc_client_id', models.CharField(blank=True, help_text='As in its tokens; leave blank if it only uses API keys.', max_length=255, null=True, unique=True, verbose_name='provider client ID')),
                ('scopes', accounts.clients.models.ScopesField(base_field=models.CharField(choices=[('read', 'Read balances and entries'), ('spend', 'Spend and hold credits'), ('transfer', 'Transfer credits between accounts'), ('act_for_others', 'Capture, release and read holds of other clients')], max_length=20), blank=True, default=list, size=None, verbose_name='scopes')),
                ('requests_per_minute', models.PositiveIntegerField(blank=True, help_text='Leave blank for the default, CREDITS_API_RATE.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='requests per minute')),
                ('is_active', models.BooleanField(default=True, help_text='Turn off to refuse its tokens and keys immediately.', verbose_name='active')),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last used')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by')),
            ],
            options={
                'verbose_name': 'API client',
                'verbose_name_plural': 'API clients',
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('prefix', models.CharField(editable=False, max_length=12, unique=True, verbose_name='prefix')),
                ('secret_hash', models.CharField(editable=False, max_length=64)),
                ('scopes', accounts.clients.models.ScopesField(base_field=models.CharField(choices=[('read', 'Read balances and entries'), ('spend', 'Spend and hold credits'), ('transfer', 'Transfer credits between accounts'), ('act_for_others', 'Capture, release and read holds of other clients')], max_length=20), blank=True, help_text='Leave blank for all of the client’s scopes.', null=True, size=None, verbose_name='scopes')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last used')),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='revoked')),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='clients.apiclient', verbose_name='client')),
            ],
            options={
                'verbose_name': 'API key',
                'verbose_name_plural': 'API keys',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='clients_client_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('oidc_client_id', ''), _negated=True), name='clients_client_oidc_id_not_blank'),
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['read', 'spend', 'transfer', 'act_for_others'])), name='clients_client_scopes_exist'),
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('is_active', False), ('scopes__len__gt', 0), _connector='OR'), name='clients_client_active_has_a_scope'),
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(condition=models.Q(('requests_per_minute__isnull', True), ('requests_per_minute__gte', 1), _connector='OR'), name='clients_client_rate_positive'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apiclient',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='cdbb4a024f6b5fdf995bb0075315b4996d107bbd', operation='DELETE', pgid='pgtrigger_is_never_deleted_cd311', table='clients_apiclient', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apiclient',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='48548efb7c22d6da6a238a9f09aca1b87bad3ddd', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_3f2f1', table='clients_apiclient', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='clients_key_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('prefix__regex', '^[0-9a-f]{12}$')), name='clients_key_prefix_well_formed'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('secret_hash__regex', '^[0-9a-f]{64}$')), name='clients_key_holds_a_hash'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__isnull', True), ('scopes__contained_by', ['read', 'spend', 'transfer', 'act_for_others']), _connector='OR'), name='clients_key_scopes_exist'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__isnull', True), ('expires_at__gt', models.F('created_at')), _connector='OR'), name='clients_key_expires_after_creation'),
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('revoked_at__isnull', True), ('revoked_at__gte', models.F('created_at')), _connector='OR'), name='clients_key_revoked_after_creation'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."client_id" IS DISTINCT FROM (NEW."client_id") OR OLD."prefix" IS DISTINCT FROM (NEW."prefix") OR OLD."secret_hash" IS DISTINCT FROM (NEW."secret_hash") OR OLD."scopes" IS DISTINCT FROM (NEW."scopes") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='960646e61c57bbc33302a23f7d7da88cb4095fa9', operation='UPDATE', pgid='pgtrigger_keeps_what_it_came_as_80265', table='clients_apikey', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='stays_revoked', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."revoked_at" IS NOT NULL AND OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c9787efeb6e38b7e1cc4b556ce983d355d35b9b2', operation='UPDATE', pgid='pgtrigger_stays_revoked_312f8', table='clients_apikey', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='adf540f5f9172090eccfac70e98d0b131232d26b', operation='DELETE', pgid='pgtrigger_is_never_deleted_bc143', table='clients_apikey', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='apikey',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='e3e0579c8651633a62331fbf88edc4ca70b7d05d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_fcb03', table='clients_apikey', when='BEFORE')),
        ),
    ]
