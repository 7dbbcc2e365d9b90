import credits.models.fields
import datetime
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from accounts.audit.operations import unwatch, watch

# What the audit records; before, all of it but what is undone.
ADJUSTMENT = [
    "account_id", "amount", "reason", "reference", "promotional", "expires_at", "key", "needs_approval", "asked_by_id",
    "status", "decided_by_id", "decided_at", "entry_id", "undoes_id",
]


def watch_adjustments(columns):
    return watch('credits_adjustment', 'credits.adjustment', columns, beside=['account_id'])


class Migration(migrations.Migration):

    dependencies = [
        ('credits', '0012_ledger_downloads'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Clawback',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_index=True, verbose_name='money returned')),
                ('position', models.PositiveIntegerField(verbose_name='position')),
                ('kind', models.CharField(choices=[('refund', 'Refund'), ('dispute', 'Dispute')], max_length=10, verbose_name='kind')),
                ('policy', models.CharField(choices=[('cap', 'Waive'), ('debt', 'Owe')], max_length=10, verbose_name='policy')),
                ('amount', credits.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='credits claimed')),
                ('taken', credits.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits taken')),
                ('pending', credits.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits pending')),
                ('owed', credits.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits owed')),
                ('waived', credits.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits waived')),
                ('taken_since', models.DateTimeField(null=True, verbose_name='taken since')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'clawback',
                'verbose_name_plural': 'clawbacks',
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='adjustment',
            name='keeps_what_it_came_as',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='hold',
            name='keeps_what_it_came_as',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='lot',
            name='keeps_what_it_came_as',
        ),
        migrations.RemoveConstraint(
            model_name='entry',
            name='credits_entry_has_an_amount_and_a_key',
        ),
        migrations.AddField(
            model_name='account',
            name='closed_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='closed'),
        ),
        migrations.AddField(
            model_name='adjustment',
            name='undoes',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='credits.adjustment', verbose_name='undoes'),
        ),
        unwatch(watch_adjustments(ADJUSTMENT[:-1])),
        watch_adjustments(ADJUSTMENT),
        migrations.AddField(
            model_name='hold',
            name='client',
            field=models.UUIDField(blank=True, editable=False, null=True, verbose_name='API client'),
        ),
        migrations.AddField(
            model_name='lot',
            name='cost_credits',
            field=credits.models.fields.AmountField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='credits that the cost is for'),
        ),
        migrations.AddField(
            model_name='lot',
            name='extended_by',
            field=models.DurationField(db_default=datetime.timedelta(0), default=datetime.timedelta(0), verbose_name='life added'),
        ),
        migrations.AddField(
            model_name='lot',
            name='origin_account',
            field=models.UUIDField(blank=True, null=True, verbose_name='account of the first lot'),
        ),
        migrations.AddField(
            model_name='lot',
            name='origin_lot',
            field=models.BigIntegerField(blank=True, null=True, verbose_name='first lot'),
        ),
        migrations.AlterField(
            model_name='entry',
            name='kind',
            field=models.CharField(choices=[('purchase', 'Purchase'), ('promotion', 'Promotion'), ('spend', 'Spend'), ('gift_sent', 'Gift sent'), ('gift_received', 'Gift received'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('dispute', 'Dispute'), ('adjustment', 'Adjustment'), ('offset', 'Debt offset'), ('forfeit', 'Forfeited')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='ledgerday',
            name='kind',
            field=models.CharField(choices=[('purchase', 'Purchase'), ('promotion', 'Promotion'), ('spend', 'Spend'), ('gift_sent', 'Gift sent'), ('gift_received', 'Gift received'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('dispute', 'Dispute'), ('adjustment', 'Adjustment'), ('offset', 'Debt offset'), ('forfeit', 'Forfeited')], max_length=20, verbose_name='kind'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='closes_without_an_owner', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."closed_at" IS NULL AND NEW."owner_id" IS NULL AND NEW."team_id" IS NULL)', func='NEW.closed_at := clock_timestamp(); RETURN NEW;', hash='f31beceb72f3d6ee364cf959ed205dae3802a9c5', operation='UPDATE OF "owner_id", "team_id"', pgid='pgtrigger_closes_without_an_owner_37c66', table='credits_account', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c434b797f55904a80b836297aadec5495fdd8d41', operation='UPDATE OF "account_id", "amount", "reason", "reference", "promotional", "expires_at", "undoes_id", "key", "needs_approval", "asked_by_id", "asked_at"', pgid='pgtrigger_keeps_what_it_came_as_c922a', table='credits_adjustment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ee0146b4cd3af69737a6e49f4fdeb2a3a424fff2', operation='UPDATE OF "account_id", "key", "amount", "overrun", "client", "expires_in", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_1b744', table='credits_hold', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b65241bbe83a05dd92b7b0b0ab20b220197a70a2', operation='UPDATE OF "account_id", "amount", "promotional", "cost_minor", "cost_credits", "currency", "origin_lot", "origin_account", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_3bee9', table='credits_lot', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'declined'), _negated=True), fields=('undoes',), name='credits_adjustment_undone_once'),
        ),
        AddConstraintNotValid(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('amount', 0), _negated=True), models.Q(('owed', 0), _negated=True), _connector='OR'), models.Q(('key', ''), _negated=True)), name='credits_entry_has_an_amount_and_a_key'),
        ),
        AddConstraintNotValid(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cost_credits__isnull', True), ('origin_account__isnull', True), ('origin_lot__isnull', True)), models.Q(('origin_account__isnull', False), ('origin_lot__isnull', False), models.Q(models.Q(('cost_credits__isnull', True), ('cost_minor__isnull', True)), models.Q(('cost_credits__gt', 0), ('cost_minor__isnull', False)), _connector='OR')), _connector='OR'), name='credits_lot_given_knows_its_origin'),
        ),
        migrations.AddField(
            model_name='clawback',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clawbacks', to='credits.account', verbose_name='account'),
        ),
        migrations.AddField(
            model_name='clawback',
            name='lot',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clawbacks', to='credits.lot', verbose_name='lot'),
        ),
        migrations.AddIndex(
            model_name='clawback',
            index=models.Index(fields=['account', 'lot', 'position'], name='credits_clawback_of_lot'),
        ),
        migrations.AddIndex(
            model_name='clawback',
            index=models.Index(condition=models.Q(('taken__lt', models.F('amount'))), fields=['account', 'lot'], name='credits_clawback_unsatisfied'),
        ),
        migrations.AddConstraint(
            model_name='clawback',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0), ('owed__gte', 0), ('pending__gte', 0), ('taken__gte', 0), ('waived__gte', 0)), name='credits_clawback_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='clawback',
            constraint=models.CheckConstraint(condition=models.Q(('policy', 'debt'), ('owed', 0), _connector='OR'), name='credits_clawback_owes_by_its_policy'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clawback',
            trigger=pgtrigger.compiler.Trigger(name='adds_up', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', func='PERFORM credits_verify_clawback(NEW.id); RETURN NULL;', hash='917ab4e02a778d53b72d6097f415b011f18393fa', operation='INSERT OR UPDATE', pgid='pgtrigger_adds_up_b47e0', table='credits_clawback', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clawback',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='d4b98612f5a0126f737eae3f84b38c9d59ff3a81', operation='UPDATE OF "account_id", "lot_id", "kind", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_15eee', table='credits_clawback', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clawback',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='12012162744b753a8fc83d8180e1b4dfbfcbb786', operation='DELETE', pgid='pgtrigger_is_never_deleted_b0259', table='credits_clawback', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clawback',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='c1add3ee8c9ee1e5dd99b38cbf9bd880552bc326', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_9a8c0', table='credits_clawback', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='owes_only_while_nothing_is_free', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."debt" > 0)', constraint='CONSTRAINT', func='PERFORM credits_verify_debt(NEW.id); RETURN NULL;', hash='7d4c72aac653ecd624ef1cc3cda11916a8f1666d', operation='INSERT OR UPDATE OF "debt", "held"', pgid='pgtrigger_owes_only_while_nothing_is_free_92e39', table='credits_account', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
    ]
