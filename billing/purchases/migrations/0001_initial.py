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
        ('credits', '0001_initial'),
        ('packages', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangedMoment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='at')),
            ],
            options={
                'verbose_name': 'moment of a change',
                'verbose_name_plural': 'moments of changes',
            },
        ),
        migrations.CreateModel(
            name='Purchase',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('package_code', models.CharField(max_length=50, verbose_name='package code')),
                ('package_name', models.CharField(max_length=100, verbose_name='package name')),
                ('credits', models.DecimalField(decimal_places=2, max_digits=18, verbose_name='credits')),
                ('price_minor', models.BigIntegerField(verbose_name='price in minor units')),
                ('list_price_minor', models.BigIntegerField(verbose_name='list price in minor units')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('discount_percentage', models.DecimalField(decimal_places=2, max_digits=5, verbose_name='discount (%)')),
                ('validity_days', models.PositiveIntegerField(null=True, verbose_name='validity in days')),
                ('status', models.CharField(choices=[('pending', 'Pending'), ('processing', 'Processing'), ('completed', 'Completed'), ('failed', 'Failed'), ('expired', 'Expired'), ('partially_refunded', 'Partially refunded'), ('refunded', 'Refunded'), ('disputed', 'Disputed')], default='pending', max_length=20, verbose_name='status')),
                ('attention', models.CharField(blank=True, choices=[('', 'none'), ('amount_differs', 'Amount paid differs from the price'), ('currency_differs', 'Currency paid differs from the price'), ('buyer_deleted', 'Account closed before the payment arrived'), ('paid_twice', 'Second payment for the same purchase'), ('return_currency', 'Refund or dispute in another currency')], default='', max_length=20, verbose_name='needs attention')),
                ('attention_detail', models.CharField(blank=True, max_length=300, verbose_name='details')),
                ('failure_code', models.CharField(blank=True, max_length=100, verbose_name='failure')),
                ('paid_minor', models.BigIntegerField(null=True, verbose_name='paid in minor units')),
                ('refunded_minor', models.BigIntegerField(db_default=0, default=0, verbose_name='refunded in minor units')),
                ('idempotency_key', models.CharField(max_length=255, null=True, verbose_name='idempotency key')),
                ('request_fingerprint', models.CharField(blank=True, max_length=64)),
                ('stripe_session_id', models.CharField(max_length=255, null=True, unique=True, verbose_name='Stripe session')),
                ('stripe_customer_id', models.CharField(blank=True, max_length=255, verbose_name='Stripe customer')),
                ('checkout_url', models.TextField(blank=True, verbose_name='checkout URL')),
                ('once_per_buyer', models.BooleanField(db_default=False, default=False, verbose_name='once per buyer')),
                ('invoiced_by_stripe', models.BooleanField(db_default=False, default=False, verbose_name='invoiced by Stripe')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('asked_stripe_at', models.DateTimeField(editable=False, null=True, verbose_name='last checked for buyer')),
                ('completed_at', models.DateTimeField(null=True, verbose_name='completed')),
                ('confirmation_sent_at', models.DateTimeField(null=True, verbose_name='confirmation sent')),
                ('failure_mailed_at', models.DateTimeField(null=True, verbose_name='failure email sent')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='purchases', to='credits.account', verbose_name='account')),
                ('package', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='purchases', to='packages.package', verbose_name='package')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='purchases', to=settings.AUTH_USER_MODEL, verbose_name='buyer')),
            ],
            options={
                'verbose_name': 'purchase',
                'verbose_name_plural': 'purchases',
                'ordering': ['-created_at', '-id'],
                'permissions': [('rerun_fulfilment', 'Can re-check payments'), ('download_sales', 'Can download purchases and refunds')],
            },
        ),
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
                ('attention', models.CharField(blank=True, choices=[('', 'none'), ('amount_differs', 'Amount paid differs from the price'), ('currency_differs', 'Currency paid differs from the price'), ('buyer_deleted', 'Account closed before the payment arrived'), ('paid_twice', 'Second payment for the same purchase'), ('return_currency', 'Refund or dispute in another currency')], default='', max_length=20, verbose_name='not accepted because')),
                ('detail', models.CharField(blank=True, default='', max_length=300, verbose_name='details')),
                ('method', models.CharField(blank=True, default='', max_length=50, verbose_name='method')),
                ('brand', models.CharField(blank=True, default='', max_length=50, verbose_name='card brand')),
                ('last4', models.CharField(blank=True, default='', max_length=4, verbose_name='last four digits')),
                ('fingerprint', models.CharField(blank=True, default='', max_length=64, verbose_name='fingerprint')),
                ('wallet', models.CharField(blank=True, default='', max_length=50, verbose_name='wallet')),
                ('bank', models.CharField(blank=True, default='', max_length=100, verbose_name='bank')),
                ('made_at', models.DateTimeField(null=True, verbose_name='started')),
                ('paid_at', models.DateTimeField(null=True, verbose_name='paid')),
                ('reported_at', models.DateTimeField(verbose_name='reported')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('lot', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payment', to='credits.lot', verbose_name='credits')),
                ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='purchases.purchase', verbose_name='purchase')),
            ],
            options={
                'verbose_name': 'payment',
                'verbose_name_plural': 'payments',
                'ordering': ['created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='PurchaseEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(max_length=40, verbose_name='event')),
                ('from_status', models.CharField(blank=True, max_length=20, verbose_name='from')),
                ('to_status', models.CharField(max_length=20, verbose_name='to')),
                ('source', models.CharField(choices=[('page', 'purchase page'), ('api', 'API'), ('webhook', 'webhook'), ('success_page', 'success page'), ('sweeper', 'sweeper'), ('job', 'background job'), ('reconciliation', 'reconciliation'), ('staff', 'staff')], max_length=20, verbose_name='source')),
                ('detail', models.JSONField(blank=True, default=dict, verbose_name='detail')),
                ('stripe_event_id', models.CharField(blank=True, max_length=255, verbose_name='Stripe event')),
                ('actor_id', models.UUIDField(null=True, verbose_name='staff member')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='at')),
                ('purchase', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='purchases.purchase', verbose_name='purchase')),
            ],
            options={
                'verbose_name': 'purchase event',
                'verbose_name_plural': 'purchase events',
                'ordering': ['id'],
            },
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['user', '-created_at', '-id'], name='purchase_history'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['-created_at', '-id'], name='purchase_newest'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(condition=models.Q(('stripe_customer_id', ''), _negated=True), fields=['stripe_customer_id'], name='purchase_of_customer'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(condition=models.Q(('status__in', ['pending', 'processing'])), fields=['created_at'], name='purchase_open'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(condition=models.Q(('attention', ''), _negated=True), fields=['created_at'], name='purchase_attention'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['status', '-created_at', '-id'], name='purchase_by_status'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['package_code', '-created_at', '-id'], name='purchase_by_package'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.UniqueConstraint(fields=('user', 'idempotency_key'), name='purchase_one_per_idempotency_key'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.UniqueConstraint(condition=models.Q(('once_per_buyer', True)), fields=('user', 'package_code'), name='purchase_once_per_person'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.UniqueConstraint(condition=models.Q(('once_per_buyer', True)), fields=('account', 'package_code'), name='purchase_once_per_account'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('credits__gt', 0)), name='purchase_credits_positive'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('price_minor__gte', 0)), name='purchase_price_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('completed_at__isnull', False), ('status__in', ['completed', 'partially_refunded', 'refunded', 'disputed'])), models.Q(models.Q(('status__in', ['completed', 'partially_refunded', 'refunded', 'disputed']), _negated=True), ('completed_at__isnull', True)), _connector='OR'), name='purchase_completed_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['completed', 'partially_refunded', 'refunded', 'disputed']), _negated=True), models.Q(('paid_minor', models.F('price_minor')), ('paid_minor__isnull', False)), _connector='OR'), name='purchase_completed_is_paid_in_full'),
        ),
        migrations.AddConstraint(
            model_name='purchase',
            constraint=models.CheckConstraint(condition=models.Q(('refunded_minor', 0), models.Q(('paid_minor__isnull', False), ('refunded_minor__gt', 0), ('refunded_minor__lte', models.F('paid_minor'))), _connector='OR'), name='purchase_never_refunds_more_than_was_paid'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.created_at IS NOT NULL THEN INSERT INTO purchases_changedmoment (at) VALUES (NEW.created_at); END IF; RETURN NULL;', hash='aa8e581a7fc38be0f4cc91ef48f9f08cb7efa1b8', operation='INSERT OR UPDATE OF "status"', pgid='pgtrigger_notes_its_days_e5976', table='purchases_purchase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='2af75716fa69ba3841b9e2c24d1f657e1bf40889', operation='DELETE', pgid='pgtrigger_is_never_deleted_63172', table='purchases_purchase', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='281bc603b2ed66a710a8f284e6b931af85301948', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_2ae3e', table='purchases_purchase', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['-created_at', '-id'], name='payment_newest'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('lot__isnull', False)), fields=['paid_at'], name='payment_sold'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('lot__isnull', False)), fields=('purchase',), name='payment_one_accepted'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('stripe_charge_id', ''), _negated=True), fields=('stripe_charge_id',), name='payment_one_per_charge'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='payment_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paid_at__isnull', False), ('state', 'paid')), models.Q(models.Q(('state', 'paid'), _negated=True), ('paid_at__isnull', True)), _connector='OR'), name='payment_paid_has_its_time'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('lot__isnull', True), models.Q(('attention', ''), ('state', 'paid')), _connector='OR'), name='payment_accepted_is_paid'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.paid_at IS NOT NULL THEN INSERT INTO purchases_changedmoment (at) VALUES (NEW.paid_at); END IF; RETURN NULL;', hash='d6baacfdb20400173916a793ee85d0f1ca42bcc5', operation='INSERT OR UPDATE OF "state", "lot_id", "paid_at"', pgid='pgtrigger_notes_its_days_262ef', table='purchases_payment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='f4c20f931cf523ab7f6721b892beaa6dd51c4a82', operation='UPDATE OF "purchase_id", "stripe_payment_intent_id", "created_at"', pgid='pgtrigger_keeps_what_it_came_as_75d7b', table='purchases_payment', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='6b8b212f707a3a48a5c3a1b9ad5bf87be8cf5252', operation='DELETE', pgid='pgtrigger_is_never_deleted_88b0d', table='purchases_payment', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payment',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='556516923967310bcea48eef30745a4aec999028', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_2e388', table='purchases_payment', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='purchaseevent',
            index=models.Index(fields=['what', '-id'], name='purchaseevent_by_what'),
        ),
        migrations.AddIndex(
            model_name='purchaseevent',
            index=models.Index(fields=['source', '-id'], name='purchaseevent_by_told'),
        ),
        migrations.AddIndex(
            model_name='purchaseevent',
            index=models.Index(condition=models.Q(('stripe_event_id', ''), _negated=True), fields=['stripe_event_id'], name='purchaseevent_of_event'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchaseevent',
            trigger=pgtrigger.compiler.Trigger(name='is_append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='835fc61d078ee5ea97854cf167188361ec76e68d', operation='UPDATE OR DELETE', pgid='pgtrigger_is_append_only_3f0ed', table='purchases_purchaseevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchaseevent',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='4ebbbf445c068c03244a7b9e3b7e2d8de5e5762f', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_5e8b4', table='purchases_purchaseevent', when='BEFORE')),
        ),
    ]
