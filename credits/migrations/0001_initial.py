import credits.ledger.models.fields
import credits.reporting.models
import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('teams', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('balance', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='balance')),
                ('held', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='held')),
                ('debt', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='debt')),
                ('version', models.BigIntegerField(db_default=0, default=0, verbose_name='version')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='opened')),
                ('closed_at', models.DateTimeField(editable=False, null=True, verbose_name='closed')),
                ('owner', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='credit_account', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
                ('team', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='credit_account', to='teams.team', verbose_name='team')),
            ],
            options={
                'verbose_name': 'account',
                'verbose_name_plural': 'accounts',
            },
        ),
        migrations.CreateModel(
            name='Lot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='amount')),
                ('remaining', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='remaining')),
                ('held', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='held')),
                ('exhausted', models.BooleanField(db_default=False, default=False, verbose_name='used up')),
                ('promotional', models.BooleanField(default=False, verbose_name='promotional')),
                ('cost_minor', models.BigIntegerField(blank=True, null=True, verbose_name='cost in minor units')),
                ('cost_credits', credits.ledger.models.fields.AmountField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='credits covered by the cost')),
                ('currency', models.CharField(blank=True, default='', max_length=3, verbose_name='currency')),
                ('origin_lot', models.BigIntegerField(blank=True, null=True, verbose_name='original lot')),
                ('origin_account', models.UUIDField(blank=True, null=True, verbose_name='original account')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('extended_by', models.DurationField(db_default=datetime.timedelta(0), default=datetime.timedelta(0), verbose_name='extended by')),
                ('reference', models.CharField(blank=True, default='', max_length=200, verbose_name='reference')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='credits.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'lot',
                'verbose_name_plural': 'lots',
            },
        ),
        migrations.CreateModel(
            name='AccountCount',
            fields=[
                ('account', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='credits.account', verbose_name='account')),
                ('version', models.BigIntegerField(verbose_name='counted up to version')),
            ],
            options={
                'verbose_name': 'count of an account',
                'verbose_name_plural': 'counts of accounts',
            },
        ),
        migrations.CreateModel(
            name='FirstSpend',
            fields=[
                ('account', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='credits.account', verbose_name='account')),
                ('at', models.DateTimeField(db_index=True, verbose_name='at')),
            ],
            options={
                'verbose_name': 'first spend',
                'verbose_name_plural': 'first spends',
            },
        ),
        migrations.CreateModel(
            name='RunningDry',
            fields=[
                ('account', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='credits.account', verbose_name='account')),
                ('balance', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='balance')),
                ('burn', credits.reporting.models.SumField(decimal_places=6, default=0, max_digits=30, verbose_name='daily spend')),
                ('days', models.DecimalField(db_index=True, decimal_places=2, max_digits=12, verbose_name='days left')),
            ],
            options={
                'verbose_name': 'account running low',
                'verbose_name_plural': 'accounts running low',
            },
        ),
        migrations.CreateModel(
            name='BalanceAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('threshold', credits.ledger.models.fields.AmountField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='threshold')),
                ('below', models.BooleanField(db_default=False, default=False, verbose_name='below')),
                ('crossed_at', models.DateTimeField(editable=False, null=True, verbose_name='crossed')),
                ('mail_due', models.BooleanField(db_default=False, default=False, editable=False, verbose_name='email due')),
                ('mailed_at', models.DateTimeField(editable=False, null=True, verbose_name='email sent')),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='balance_alert', to='credits.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'low-balance notice',
                'verbose_name_plural': 'low-balance notices',
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.BigIntegerField(verbose_name='version')),
                ('kind', models.CharField(choices=[('purchase', 'Purchase'), ('promotion', 'Promotion'), ('spend', 'Spend'), ('gift_sent', 'Gift sent'), ('gift_received', 'Gift received'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('dispute', 'Dispute'), ('adjustment', 'Adjustment'), ('offset', 'Debt offset'), ('forfeit', 'Forfeited')], max_length=20, verbose_name='kind')),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='amount')),
                ('balance_after', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='balance after')),
                ('owed', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='debt change')),
                ('lots', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='lots')),
                ('moved', django.contrib.postgres.fields.ArrayField(base_field=credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24), default=list, size=None, verbose_name='changes')),
                ('key', models.CharField(max_length=200, verbose_name='business key')),
                ('reference', models.CharField(blank=True, default='', max_length=200, verbose_name='reference')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
                ('hash', models.BinaryField(verbose_name='hash')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='credits.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'entry',
                'verbose_name_plural': 'entries',
                'permissions': [('download_ledger', 'Can download the ledger')],
            },
        ),
        migrations.CreateModel(
            name='Adjustment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='amount')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('reference', models.CharField(blank=True, default='', max_length=200, verbose_name='reference')),
                ('promotional', models.BooleanField(default=False, verbose_name='promotional')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires')),
                ('key', models.CharField(max_length=200, verbose_name='key')),
                ('needs_approval', models.BooleanField(verbose_name='needs approval')),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='requested')),
                ('status', models.CharField(choices=[('waiting', 'Awaiting approval'), ('booked', 'Applied'), ('declined', 'Declined')], db_default='waiting', default='waiting', max_length=10, verbose_name='status')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='credits.account', verbose_name='account')),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjustments_asked', to=settings.AUTH_USER_MODEL, verbose_name='requested by')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjustments_decided', to=settings.AUTH_USER_MODEL, verbose_name='decided by')),
                ('undoes', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='credits.adjustment', verbose_name='undoes')),
                ('entry', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adjustment', to='credits.entry', verbose_name='entry')),
            ],
            options={
                'verbose_name': 'adjustment',
                'verbose_name_plural': 'adjustments',
                'permissions': [('adjust_credits', 'Can adjust credits'), ('approve_adjustment', 'Can approve and decline others’ adjustments')],
            },
        ),
        migrations.CreateModel(
            name='ExpiryWarning',
            fields=[
                ('lot', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='expiry_warning', serialize=False, to='credits.lot', verbose_name='lot')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('mailed_at', models.DateTimeField(editable=False, null=True, verbose_name='email sent')),
            ],
            options={
                'verbose_name': 'expiry warning',
                'verbose_name_plural': 'expiry warnings',
            },
        ),
        migrations.CreateModel(
            name='Clawback',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_index=True, verbose_name='reversed at')),
                ('position', models.PositiveIntegerField(verbose_name='position')),
                ('kind', models.CharField(choices=[('refund', 'Refund'), ('dispute', 'Dispute')], max_length=10, verbose_name='kind')),
                ('policy', models.CharField(choices=[('cap', 'Write off'), ('debt', 'Bill')], max_length=10, verbose_name='policy')),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='credits claimed')),
                ('taken', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits removed')),
                ('pending', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits pending')),
                ('owed', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits billed')),
                ('waived', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='credits written off')),
                ('taken_since', models.DateTimeField(null=True, verbose_name='first removed')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clawbacks', to='credits.account', verbose_name='account')),
                ('lot', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clawbacks', to='credits.lot', verbose_name='lot')),
            ],
            options={
                'verbose_name': 'clawback',
                'verbose_name_plural': 'clawbacks',
            },
        ),
        migrations.CreateModel(
            name='Gift',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='amount')),
                ('message', models.CharField(blank=True, default='', max_length=500, verbose_name='message')),
                ('key', models.CharField(max_length=200, verbose_name='key')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='sent')),
                ('sender_mailed_at', models.DateTimeField(editable=False, null=True, verbose_name='sender emailed')),
                ('recipient_mailed_at', models.DateTimeField(editable=False, null=True, verbose_name='recipient emailed')),
                ('from_account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='credits.account', verbose_name='from account')),
                ('recipient', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='gifts_received', to=settings.AUTH_USER_MODEL, verbose_name='recipient')),
                ('sender', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='gifts_sent', to=settings.AUTH_USER_MODEL, verbose_name='sender')),
                ('to_account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='credits.account', verbose_name='to account')),
            ],
            options={
                'verbose_name': 'gift',
                'verbose_name_plural': 'gifts',
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=200, verbose_name='business key')),
                ('amount', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='amount')),
                ('remaining', credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24, verbose_name='still held')),
                ('captured', credits.ledger.models.fields.AmountField(db_default=0, decimal_places=6, default=0, max_digits=24, verbose_name='captured')),
                ('overrun', models.CharField(choices=[('refuse', 'Refuse'), ('debt', 'Leave as debt')], db_default='refuse', default='refuse', max_length=10, verbose_name='overrun')),
                ('status', models.CharField(choices=[('open', 'Open'), ('captured', 'Captured'), ('released', 'Released'), ('expired', 'Expired')], db_default='open', default='open', max_length=10, verbose_name='status')),
                ('lots', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None, verbose_name='lots')),
                ('pinned', django.contrib.postgres.fields.ArrayField(base_field=credits.ledger.models.fields.AmountField(decimal_places=6, max_digits=24), default=list, size=None, verbose_name='held amounts')),
                ('client', models.UUIDField(blank=True, editable=False, null=True, verbose_name='API client')),
                ('expires_in', models.DurationField(verbose_name='duration')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('reference', models.CharField(blank=True, default='', max_length=200, verbose_name='reference')),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name='metadata')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='credits.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'hold',
                'verbose_name_plural': 'holds',
            },
        ),
        migrations.CreateModel(
            name='LedgerCount',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('counted_at', models.DateTimeField(null=True, verbose_name='counted at')),
                ('zone', models.CharField(max_length=64, verbose_name='time zone of the days')),
            ],
            options={
                'verbose_name': 'count of the ledger',
                'verbose_name_plural': 'counts of the ledger',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='credits_ledgercount_is_one_row')],
            },
        ),
        migrations.CreateModel(
            name='LedgerDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('kind', models.CharField(choices=[('purchase', 'Purchase'), ('promotion', 'Promotion'), ('spend', 'Spend'), ('gift_sent', 'Gift sent'), ('gift_received', 'Gift received'), ('expiry', 'Expiry'), ('refund', 'Refund'), ('dispute', 'Dispute'), ('adjustment', 'Adjustment'), ('offset', 'Debt offset'), ('forfeit', 'Forfeited')], max_length=20, verbose_name='kind')),
                ('source', models.CharField(choices=[('paid', 'Paid'), ('promotional', 'Promotional'), ('owed', 'Debt')], max_length=12, verbose_name='source')),
                ('currency', models.CharField(blank=True, default='', max_length=3, verbose_name='currency')),
                ('cost_minor', models.BigIntegerField(default=0, verbose_name='cost in minor units')),
                ('cost_credits', credits.ledger.models.fields.AmountField(decimal_places=6, default=1, max_digits=24, verbose_name='credits for that cost')),
                ('credits', credits.reporting.models.SumField(decimal_places=6, default=0, max_digits=30, verbose_name='credits')),
            ],
            options={
                'verbose_name': 'day of the ledger',
                'verbose_name_plural': 'days of the ledger',
                'constraints': [models.UniqueConstraint(fields=('day', 'kind', 'source', 'currency', 'cost_minor', 'cost_credits'), name='credits_ledgerday_counted_once')],
            },
        ),
        migrations.CreateModel(
            name='SpendingDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField(verbose_name='day')),
                ('spent', credits.reporting.models.SumField(decimal_places=6, default=0, max_digits=30, verbose_name='spent')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='credits.account', verbose_name='account')),
            ],
            options={
                'verbose_name': 'day of spending',
                'verbose_name_plural': 'days of spending',
            },
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('balance__gte', django.db.models.expressions.CombinedExpression(models.F('held'), '-', models.F('debt'))), ('debt__gte', 0), ('held__gte', 0)), name='credits_account_no_overdraft'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='agrees_with_its_books', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (current_setting('credits.writer', true) IS DISTINCT FROM 'ledger')", constraint='CONSTRAINT', func='PERFORM credits_verify_account(NEW.id, OLD.version, OLD.balance, NEW.version, NEW.balance); RETURN NULL;', hash='790b48763992e20c11076dc73ba7ed478ce885e1', operation='INSERT OR UPDATE OF "balance", "debt", "version"', pgid='pgtrigger_agrees_with_its_books_406b7', table='credits_account', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='agrees_with_its_holds', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (current_setting('credits.writer', true) IS DISTINCT FROM 'ledger')", constraint='CONSTRAINT', func='PERFORM credits_verify_holds(NEW.id); RETURN NULL;', hash='51e8eab43d5378b777985b7a85ba61f338427462', operation='INSERT OR UPDATE OF "held"', pgid='pgtrigger_agrees_with_its_holds_7c6a8', table='credits_account', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='owes_only_while_nothing_is_free', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."debt" > 0)', constraint='CONSTRAINT', func='PERFORM credits_verify_debt(NEW.id); RETURN NULL;', hash='7d4c72aac653ecd624ef1cc3cda11916a8f1666d', operation='INSERT OR UPDATE OF "debt", "held"', pgid='pgtrigger_owes_only_while_nothing_is_free_92e39', table='credits_account', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='has_one_owner', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."owner_id" IS NOT NULL AND NEW."team_id" IS NOT NULL)', func="\n                    RAISE check_violation USING CONSTRAINT = 'credits_account_one_owner', TABLE = 'credits_account',\n                        MESSAGE = format('account %s: it belongs to a person and to a team', NEW.id);\n                ", hash='4ebf275c3ee486d89b0f34352106e1218420e496', operation='INSERT OR UPDATE OF "owner_id", "team_id"', pgid='pgtrigger_has_one_owner_6e387', table='credits_account', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='closes_without_an_owner', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."closed_at" IS NULL AND NEW."owner_id" IS NULL AND NEW."team_id" IS NULL)', func='NEW.closed_at := clock_timestamp(); RETURN NEW;', hash='f31beceb72f3d6ee364cf959ed205dae3802a9c5', operation='UPDATE OF "owner_id", "team_id"', pgid='pgtrigger_closes_without_an_owner_37c66', table='credits_account', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='586237f35568eb00c942ace45b58785df78dc8f0', operation='DELETE', pgid='pgtrigger_is_never_deleted_8453d', table='credits_account', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='account',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='83908add2d260c71779e51b72501e5b672987bcb', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_3a0a1', table='credits_account', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='balancealert',
            constraint=models.CheckConstraint(condition=models.Q(('threshold__gt', 0)), name='credits_alert_threshold_positive'),
        ),
        migrations.AddConstraint(
            model_name='balancealert',
            constraint=models.CheckConstraint(condition=models.Q(('below', False), ('crossed_at__isnull', False), _connector='OR'), name='credits_alert_below_since'),
        ),
        migrations.AddConstraint(
            model_name='balancealert',
            constraint=models.CheckConstraint(condition=models.Q(('below', False), ('threshold__isnull', False), _connector='OR'), name='credits_alert_below_a_threshold'),
        ),
        migrations.AddIndex(
            model_name='entry',
            index=models.Index(condition=models.Q(('kind', 'spend'), _negated=True), fields=['account', 'kind', 'version'], include=('amount',), name='credits_entry_but_spends'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('account', 'version'), name='credits_entry_one_per_version'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.UniqueConstraint(fields=('account', 'key'), name='credits_entry_one_per_key'),
        ),
        migrations.AddConstraint(
            model_name='entry',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('amount', 0), _negated=True), models.Q(('owed', 0), _negated=True), _connector='OR'), models.Q(('key', ''), _negated=True)), name='credits_entry_has_an_amount_and_a_key'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='66ac5a232c3a0942c851edf26c90e34a5b5747fa', operation='UPDATE OR DELETE', pgid='pgtrigger_is_append_only_aec4a', table='credits_entry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='entry',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='a0888f1e04243a8f8e0ec9fb186d18f8979d52a7', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_1b1aa', table='credits_entry', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(fields=['asked_at', 'id'], name='credits_adjustment_by_time'),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(fields=['status', 'asked_at', 'id'], name='credits_adjustment_by_status'),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(fields=['account', 'asked_at', 'id'], name='credits_adjustment_of_account'),
        ),
        migrations.AddIndex(
            model_name='adjustment',
            index=models.Index(condition=models.Q(('asked_by__isnull', False), ('needs_approval', False)), fields=['asked_by', 'asked_at'], name='credits_adjustment_done_alone'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.UniqueConstraint(fields=('key',), name='credits_adjustment_one_per_key'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), _negated=True), models.Q(('reason', ''), _negated=True), models.Q(('key', ''), _negated=True)), name='credits_adjustment_has_an_amount_a_reason_and_a_key'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), models.Q(('expires_at__isnull', True), ('promotional', False)), _connector='OR'), name='credits_adjustment_only_grants_have_terms'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'declined'), _negated=True), fields=('undoes',), name='credits_adjustment_undone_once'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('decided_by__isnull', True), ('status', 'waiting'), ('entry__isnull', True)), models.Q(('decided_at__isnull', False), ('entry__isnull', False), ('status', 'booked')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('entry__isnull', True), ('status', 'declined')), _connector='OR'), name='credits_adjustment_booked_has_an_entry'),
        ),
        migrations.AddConstraint(
            model_name='adjustment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('needs_approval', True), ('status', 'booked'), _negated=True), models.Q(('asked_by__isnull', False), ('decided_by__isnull', False), models.Q(('decided_by', models.F('asked_by')), _negated=True)), _connector='OR'), name='credits_adjustment_approved_by_a_second_person'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='c434b797f55904a80b836297aadec5495fdd8d41', operation='UPDATE OF "account_id", "amount", "reason", "reference", "promotional", "expires_at", "undoes_id", "key", "needs_approval", "asked_by_id", "asked_at"', pgid='pgtrigger_keeps_what_it_came_as_c922a', table='credits_adjustment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='is_decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NOT (OLD."status" = \'waiting\'))', func="\n    RAISE check_violation USING\n        CONSTRAINT = 'credits_adjustment_decided_once', TABLE = 'credits_adjustment',\n        MESSAGE = format('adjustment %s is %s already', OLD.id, OLD.status);\n", hash='dc543b27610c1c0299e510e550279b594242c8ba', operation='UPDATE', pgid='pgtrigger_is_decided_once_c110e', table='credits_adjustment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='equals_its_entry', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."entry_id" IS NOT NULL)', func="\n    IF NOT EXISTS (\n        SELECT FROM credits_entry e\n        WHERE e.id = NEW.entry_id AND e.account_id = NEW.account_id AND e.amount = NEW.amount\n              AND e.kind = 'adjustment'\n    ) THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'credits_adjustment_equals_its_entry', TABLE = 'credits_adjustment',\n            MESSAGE = format('adjustment %s: entry %s is not what it asks for', NEW.id, NEW.entry_id);\n    END IF;\n    RETURN NULL;\n", hash='7ebfb40d1843e17f8f2825f5d308100e4066b454', operation='INSERT OR UPDATE OF "entry_id"', pgid='pgtrigger_equals_its_entry_957ba', table='credits_adjustment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='is_not_for_oneself', sql=pgtrigger.compiler.UpsertTriggerSql(declare="DECLARE v_staff uuid[] := ARRAY[CASE TG_OP WHEN 'INSERT' THEN NEW.asked_by_id END, CASE NEW.status WHEN 'booked' THEN NEW.decided_by_id END];", func="\n    IF coalesce(current_setting('credits.self_service', true), '') <> 'on' AND EXISTS (\n        SELECT FROM credits_account a LEFT JOIN teams_membership m ON m.team_id = a.team_id\n        WHERE a.id = NEW.account_id AND (a.owner_id = ANY (v_staff) OR m.user_id = ANY (v_staff))\n    ) THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'credits_adjustment_not_for_oneself', TABLE = 'credits_adjustment',\n            MESSAGE = format('adjustment %s: the account is that of who asks or approves', NEW.id);\n    END IF;\n    RETURN NULL;\n", hash='1d3fa2c4275639994c9d0b950e3b12ae78bd35bf', operation='INSERT OR UPDATE OF "decided_by_id"', pgid='pgtrigger_is_not_for_oneself_0b9be', table='credits_adjustment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='c7f9d5b5980210ae86175652d2fac8f09c25ec81', operation='DELETE', pgid='pgtrigger_is_never_deleted_a6e57', table='credits_adjustment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='6f549374b0f2b7bd51cce8f9d024a67faad61a6d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_73b75', table='credits_adjustment', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='expirywarning',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='expiry_warnings', to='credits.account', verbose_name='account'),
        ),
        migrations.AddIndex(
            model_name='lot',
            index=models.Index(models.F('account'), models.F('exhausted'), models.OrderBy(models.F('expires_at'), nulls_last=True), models.OrderBy(models.F('promotional'), descending=True), models.F('id'), name='credits_lot_spending_order'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('held__gte', 0), ('held__lte', models.F('remaining')), ('remaining__lte', models.F('amount')), models.Q(models.Q(('exhausted', True), ('remaining', 0)), models.Q(('exhausted', False), ('remaining__gt', 0)), _connector='OR')), name='credits_lot_within_its_amount'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(('promotional', False), ('cost_minor__isnull', True), _connector='OR'), name='credits_lot_promotional_costs_nothing'),
        ),
        migrations.AddConstraint(
            model_name='lot',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cost_credits__isnull', True), ('origin_account__isnull', True), ('origin_lot__isnull', True)), models.Q(('origin_account__isnull', False), ('origin_lot__isnull', False), models.Q(models.Q(('cost_credits__isnull', True), ('cost_minor__isnull', True)), models.Q(('cost_credits__gt', 0), ('cost_minor__isnull', False)), _connector='OR')), _connector='OR'), name='credits_lot_given_knows_its_origin'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='agrees_with_its_account', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch'))", constraint='CONSTRAINT', func='PERFORM credits_verify_lots(NEW.account_id); RETURN NULL;', hash='0fd9513ca3905fae75447937ee075995f199cddc', operation='INSERT OR UPDATE OF "remaining", "account_id"', pgid='pgtrigger_agrees_with_its_account_3ff80', table='credits_lot', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='agrees_with_its_holds', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch'))", constraint='CONSTRAINT', func='PERFORM credits_verify_holds(NEW.account_id); RETURN NULL;', hash='805e50c874c214568a35ddb34e35d2a363444d56', operation='INSERT OR UPDATE OF "held"', pgid='pgtrigger_agrees_with_its_holds_edc0c', table='credits_lot', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b65241bbe83a05dd92b7b0b0ab20b220197a70a2', operation='UPDATE OF "account_id", "amount", "promotional", "cost_minor", "cost_credits", "currency", "origin_lot", "origin_account", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_3bee9', table='credits_lot', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='014d160f3d9b362801a671006f7512afea35dd2b', operation='DELETE', pgid='pgtrigger_is_never_deleted_7e3fc', table='credits_lot', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='lot',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='7d462a956174e8b7149e78a66846a06cbff640d4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_45bc4', table='credits_lot', when='BEFORE')),
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
            trigger=pgtrigger.compiler.Trigger(name='adds_up', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', func='PERFORM credits_verify_clawback(NEW.account_id, NEW.id); RETURN NULL;', hash='3baef01a4e6e51d2f8d1c40a9e13dc0fb1329c5e', operation='INSERT OR UPDATE', pgid='pgtrigger_adds_up_b47e0', table='credits_clawback', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
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
        migrations.AddIndex(
            model_name='gift',
            index=models.Index(fields=['from_account', 'created_at'], name='credits_gift_of_a_day'),
        ),
        migrations.AddConstraint(
            model_name='gift',
            constraint=models.UniqueConstraint(fields=('from_account', 'key'), name='credits_gift_one_per_key'),
        ),
        migrations.AddConstraint(
            model_name='gift',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='credits_gift_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='gift',
            constraint=models.CheckConstraint(condition=models.Q(('from_account', models.F('to_account')), _negated=True), name='credits_gift_to_somebody_else'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gift',
            trigger=pgtrigger.compiler.Trigger(name='forgets_its_message', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN ((OLD.sender_id IS NOT NULL AND NEW.sender_id IS NULL) OR (OLD.recipient_id IS NOT NULL AND NEW.recipient_id IS NULL))', func="NEW.message := ''; RETURN NEW;", hash='b879c14d94fe4fd3ce36e51f7e20ed12aa429beb', operation='UPDATE', pgid='pgtrigger_forgets_its_message_95cec', table='credits_gift', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['expires_at'], name='credits_hold_open_by_expiry'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['account', 'expires_at'], name='credits_hold_open_of_account'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.UniqueConstraint(fields=('account', 'key'), name='credits_hold_one_per_key'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('key', ''), _negated=True), name='credits_hold_has_a_key'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('captured__gte', 0), ('remaining__gte', 0), ('remaining__lte', models.F('amount'))), name='credits_hold_remaining_within_amount'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('status', 'open')), models.Q(('closed_at__isnull', False), ('remaining', 0), models.Q(('status', 'open'), _negated=True)), _connector='OR'), name='credits_hold_closed_holds_nothing'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='agrees_with_its_account', sql=pgtrigger.compiler.UpsertTriggerSql(func='PERFORM credits_verify_holds(NEW.account_id); RETURN NULL;', hash='70e05825cfc1b8105bea97ed8f9e4c918a6a69ec', operation='INSERT OR UPDATE', pgid='pgtrigger_agrees_with_its_account_679c5', table='credits_hold', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ee0146b4cd3af69737a6e49f4fdeb2a3a424fff2', operation='UPDATE OF "account_id", "key", "amount", "overrun", "client", "expires_in", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_1b744', table='credits_hold', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='36b6aa4a50a6c9f359263d36d77d22a22fada912', operation='DELETE', pgid='pgtrigger_is_never_deleted_a6079', table='credits_hold', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='hold',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='9ab59f4296dc7b98d6ac5656fefbc050def6fe3d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_4a8d9', table='credits_hold', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='spendingday',
            constraint=models.UniqueConstraint(fields=('day', 'account'), name='credits_spendingday_counted_once'),
        ),
    ]
