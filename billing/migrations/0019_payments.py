import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """A row for each payment; what hangs on it follows in the next two."""

    dependencies = [
        ('credits', '0016_daily_prices'),
        ('billing', '0018_uncredited_payments'),
        ('credits', '0016_daily_prices'),
    ]

    operations = [
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('stripe_payment_intent_id', models.CharField(max_length=255, unique=True, verbose_name='Stripe payment')),
                ('stripe_charge_id', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='Stripe charge')),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('state', models.CharField(choices=[('open', 'Open'), ('processing', 'Processing'), ('paid', 'Paid'), ('failed', 'Failed')], max_length=10, verbose_name='state')),
                ('livemode', models.BooleanField(verbose_name='live')),
                ('attention', models.CharField(blank=True, choices=[('', 'none'), ('amount_differs', 'The amount paid is not the price'), ('currency_differs', 'The currency paid is not that of the price'), ('buyer_deleted', 'The buyer’s account was closed before the payment came'), ('paid_twice', 'A second payment came for the same purchase'), ('return_currency', 'A refund or dispute is in another currency')], default='', max_length=20, verbose_name='why it was not accepted')),
                ('detail', models.CharField(blank=True, default='', max_length=300, verbose_name='what is wrong')),
                ('method', models.CharField(blank=True, default='', max_length=50, verbose_name='method')),
                ('brand', models.CharField(blank=True, default='', max_length=50, verbose_name='card brand')),
                ('last4', models.CharField(blank=True, default='', max_length=4, verbose_name='last four digits')),
                ('fingerprint', models.CharField(blank=True, default='', max_length=64, verbose_name='fingerprint')),
                ('wallet', models.CharField(blank=True, default='', max_length=50, verbose_name='wallet')),
                ('bank', models.CharField(blank=True, default='', max_length=100, verbose_name='bank')),
                ('made_at', models.DateTimeField(null=True, verbose_name='begun')),
                ('paid_at', models.DateTimeField(null=True, verbose_name='paid')),
                ('reported_at', models.DateTimeField(verbose_name='reported')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'payment',
                'verbose_name_plural': 'payments',
                'ordering': ['created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='StripeAccount',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('account_id', models.CharField(max_length=255, verbose_name='account')),
                ('livemode', models.BooleanField(verbose_name='live')),
                ('key_digest', models.CharField(editable=False, max_length=64)),
                ('learned_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='learned')),
            ],
            options={
                'verbose_name': 'Stripe account',
                'verbose_name_plural': 'Stripe accounts',
            },
        ),
        migrations.AddField(
            model_name='dispute',
            name='counted_minor',
            field=models.BigIntegerField(null=True, verbose_name='counted in minor units'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='counted_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='counted by'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='made_at',
            field=models.DateTimeField(null=True, verbose_name='opened at Stripe'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='policy',
            field=models.CharField(choices=[('cap', 'Waive'), ('debt', 'Owe')], default='cap', max_length=10, verbose_name='policy'),
        ),
        migrations.AddField(
            model_name='inboxevent',
            name='account',
            field=models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='account'),
        ),
        migrations.AddField(
            model_name='inboxevent',
            name='payment_ref',
            field=models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='payment'),
        ),
        migrations.AddField(
            model_name='receipt',
            name='paid_with',
            field=models.CharField(blank=True, db_default='', default='', max_length=100, verbose_name='paid with'),
        ),
        migrations.AddField(
            model_name='reconciliationfinding',
            name='found_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='found'),
        ),
        migrations.AddField(
            model_name='reconciliationfinding',
            name='key',
            field=models.CharField(null=True, max_length=320, verbose_name='problem'),
        ),
        migrations.AddField(
            model_name='reconciliationfinding',
            name='times',
            field=models.PositiveIntegerField(db_default=1, default=1, verbose_name='times found'),
        ),
        migrations.AddField(
            model_name='refund',
            name='counted_minor',
            field=models.BigIntegerField(null=True, verbose_name='counted in minor units'),
        ),
        migrations.AddField(
            model_name='refund',
            name='counted_by',
            field=models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='counted by'),
        ),
        migrations.AddField(
            model_name='refund',
            name='made_at',
            field=models.DateTimeField(null=True, verbose_name='made at Stripe'),
        ),
        migrations.AddField(
            model_name='payment',
            name='lot',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payment', to='credits.lot', verbose_name='credits'),
        ),
        migrations.AddField(
            model_name='payment',
            name='purchase',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='billing.purchase', verbose_name='purchase'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='payment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.payment', verbose_name='payment'),
        ),
        migrations.AddField(
            model_name='refund',
            name='payment',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='billing.payment', verbose_name='payment'),
        ),
        migrations.AlterField(
            model_name='inboxevent',
            name='status',
            field=models.CharField(choices=[('received', 'Received'), ('applied', 'Applied'), ('stored', 'Stored, nothing to do'), ('unmatched', 'Waits for its payment'), ('not_ours', 'Not ours'), ('ignored', 'Ignored'), ('unreadable', 'Unreadable'), ('failed', 'Failed')], db_default='received', default='received', max_length=20, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='purchase',
            name='attention',
            field=models.CharField(blank=True, choices=[('', 'none'), ('amount_differs', 'The amount paid is not the price'), ('currency_differs', 'The currency paid is not that of the price'), ('buyer_deleted', 'The buyer’s account was closed before the payment came'), ('paid_twice', 'A second payment came for the same purchase'), ('return_currency', 'A refund or dispute is in another currency')], default='', max_length=20, verbose_name='needs attention'),
        ),
        migrations.AlterField(
            model_name='refund',
            name='policy',
            field=models.CharField(choices=[('cap', 'Waive: take back only what is left'), ('debt', 'Owe: the buyer owes what was spent'), ('block', 'Block: refuse where credits were spent')], max_length=10, verbose_name='policy'),
        ),
        migrations.RemoveIndex(
            model_name='inboxevent',
            name='billing_inbox_not_applied',
        ),
        migrations.AddIndex(
            model_name='inboxevent',
            index=models.Index(condition=models.Q(('status__in', ['received', 'failed', 'unreadable'])), fields=['-received_at', '-id'], include=('status', 'type'), name='billing_inbox_not_applied'),
        ),
        migrations.AddIndex(
            model_name='inboxevent',
            index=models.Index(condition=models.Q(('status__in', ['unmatched', 'not_ours'])), fields=['payment_ref'], name='billing_inbox_unmatched'),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='receipt',
            name='forgets_its_buyer_only',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receipt',
            trigger=pgtrigger.compiler.Trigger(name='forgets_its_buyer_only', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN ((OLD."buyer" IS DISTINCT FROM (NEW."buyer") AND NOT (NEW."buyer" = \'\')) OR (OLD."paid_with" IS DISTINCT FROM (NEW."paid_with") AND NOT (NEW."paid_with" = \'\')))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='cbe5aa3368227d178e1979fac31ec00c587e7255', operation='UPDATE', pgid='pgtrigger_forgets_its_buyer_only_9d695', table='billing_receipt', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='stripeaccount',
            constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='billing_stripeaccount_is_one_row'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['-created_at', '-id'], name='billing_payment_newest'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('lot__isnull', False)), fields=['paid_at'], name='billing_payment_sold'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('lot__isnull', False)), fields=('purchase',), name='billing_payment_one_accepted'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('stripe_charge_id', ''), _negated=True), fields=('stripe_charge_id',), name='billing_payment_one_per_charge'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='billing_payment_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paid_at__isnull', False), ('state', 'paid')), models.Q(models.Q(('state', 'paid'), _negated=True), ('paid_at__isnull', True)), _connector='OR'), name='billing_payment_paid_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('lot__isnull', True), models.Q(('attention', ''), ('state', 'paid')), _connector='OR'), name='billing_payment_accepted_is_paid'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.paid_at IS NOT NULL THEN INSERT INTO billing_changedmoment (at) VALUES (NEW.paid_at); END IF; RETURN NULL;', hash='7b5dcf97464cbcf9762462abc182c2618e4809a6', operation='INSERT OR UPDATE OF "state", "lot_id", "paid_at"', pgid='pgtrigger_notes_its_days_f44d1', table='billing_payment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='9dee0418fae1cf31f4830b564a45e2377e6fa6b1', operation='UPDATE OF "purchase_id", "stripe_payment_intent_id", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_e1b28', table='billing_payment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='543963cd7b664b0e6b9a3f3873e00172d772a0e9', operation='DELETE', pgid='pgtrigger_is_never_deleted_25942', table='billing_payment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='dd7e587c6dd76fc6269a21d73a6e5e442b7dc643', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_f05c9', table='billing_payment', when='BEFORE')),
        ),
    ]
