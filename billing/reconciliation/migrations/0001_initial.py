import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('purchases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='SeenPurchase',
            fields=[
                ('pk', models.CompositePrimaryKey('run_id', 'purchase_id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run_id', models.BigIntegerField()),
                ('purchase_id', models.UUIDField()),
            ],
            options={
                'verbose_name': 'purchase seen in Stripe',
                'verbose_name_plural': 'purchases seen in Stripe',
            },
        ),
        migrations.CreateModel(
            name='ReconciliationRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('nightly', 'nightly job'), ('staff', 'admin'), ('command', 'command')], max_length=10, verbose_name='started by')),
                ('asked_by', models.UUIDField(null=True, verbose_name='staff member')),
                ('period_start', models.DateTimeField(verbose_name='from')),
                ('period_end', models.DateTimeField(verbose_name='to')),
                ('status', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Interrupted')], default='running', max_length=10, verbose_name='status')),
                ('stage', models.CharField(blank=True, choices=[('sessions', 'Stripe checkouts'), ('purchases', 'purchases'), ('refunds', 'Stripe refunds'), ('disputes', 'Stripe disputes')], db_default='', default='sessions', max_length=10, verbose_name='stage')),
                ('cursor', models.CharField(blank=True, db_default='', default='', editable=False, max_length=255)),
                ('worked_by', models.UUIDField(editable=False, null=True)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('share', models.FloatField(default=0, verbose_name='progress')),
                ('sessions', models.PositiveIntegerField(default=0, verbose_name='sessions compared')),
                ('purchases', models.PositiveIntegerField(default=0, verbose_name='purchases compared')),
                ('failure', models.CharField(blank=True, max_length=300, verbose_name='failure')),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='started')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended')),
            ],
            options={
                'verbose_name': 'reconciliation',
                'verbose_name_plural': 'reconciliations',
                'ordering': ['-id'],
                'permissions': [('run_reconciliation', 'Can compare with Stripe')],
                'constraints': [models.CheckConstraint(condition=models.Q(('period_end__gt', models.F('period_start'))), name='run_period_has_a_length'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status', 'running')), models.Q(models.Q(('status', 'running'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='run_ended_has_its_time'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'done'), _negated=True), ('stage', ''), _connector='OR'), name='run_done_has_nothing_to_go_on_with'), models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', True), ('worked_by__isnull', True)), models.Q(('lease_until__isnull', False), ('status', 'running'), ('worked_by__isnull', False)), _connector='OR'), name='run_is_worked_on_until_a_time')],
            },
        ),
        migrations.CreateModel(
            name='ReconciliationFinding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=320, verbose_name='problem')),
                ('kind', models.CharField(max_length=40, verbose_name='kind')),
                ('detail', models.CharField(max_length=300, verbose_name='detail')),
                ('session_id', models.CharField(blank=True, max_length=255, verbose_name='Stripe session')),
                ('times', models.PositiveIntegerField(db_default=1, default=1, verbose_name='times found')),
                ('found_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='found')),
                ('state', models.CharField(choices=[('repaired', 'Repaired'), ('waiting', 'Open'), ('settled', 'Closed by staff')], max_length=10, verbose_name='state')),
                ('settled_by', models.UUIDField(null=True, verbose_name='closed by')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='closed')),
                ('purchase', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='findings', to='purchases.purchase', verbose_name='purchase')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='findings', to='reconciliation.reconciliationrun', verbose_name='run')),
            ],
            options={
                'verbose_name': 'reconciliation issue',
                'verbose_name_plural': 'reconciliation issues',
                'ordering': ['-id'],
                'permissions': [('repair_finding', 'Can repair and close issues')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reconciliationrun',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='82dcd83d51ebb7b4bac917d04f0c4fd7bb12360e', operation='DELETE', pgid='pgtrigger_is_never_deleted_eee29', table='reconciliation_reconciliationrun', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reconciliationrun',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='2522a3527a5a1af83665844180cb0f3141131e51', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_06851', table='reconciliation_reconciliationrun', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='reconciliationfinding',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['-id'], name='finding_waiting'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationfinding',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('key',), name='finding_waits_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reconciliationfinding',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='8c21290e8969562508db42a8c34ab16fc84a4451', operation='DELETE', pgid='pgtrigger_is_never_deleted_4fbc9', table='reconciliation_reconciliationfinding', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reconciliationfinding',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='f2f5ec970105fa713ecb723dd44ee493003cef0f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_fb0cf', table='reconciliation_reconciliationfinding', when='BEFORE')),
        ),
    ]
