import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('purchases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
                ('counted_minor', models.BigIntegerField(null=True, verbose_name='converted amount in minor units')),
                ('counted_by', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='converted by')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('status', models.CharField(choices=[('requested', 'Requested'), ('pending', 'Pending'), ('requires_action', 'Waiting for the buyer'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('canceled', 'Canceled')], default='requested', max_length=20, verbose_name='status')),
                ('reason', models.CharField(blank=True, choices=[('requested_by_customer', 'Requested by the customer'), ('duplicate', 'Duplicate'), ('fraudulent', 'Fraudulent'), ('', 'Other')], max_length=30, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('policy', models.CharField(choices=[('cap', 'Write off: remove only unspent credits'), ('debt', 'Bill: leave spent credits as debt'), ('block', 'Block: refuse if credits were spent')], max_length=10, verbose_name='policy')),
                ('origin', models.CharField(choices=[('admin', 'admin'), ('api', 'API'), ('stripe', 'Stripe')], max_length=10, verbose_name='origin')),
                ('asked_by', models.UUIDField(null=True, verbose_name='staff member')),
                ('idempotency_key', models.CharField(max_length=255, null=True, verbose_name='idempotency key')),
                ('failure_reason', models.CharField(blank=True, max_length=100, verbose_name='failure')),
                ('stripe_refund_id', models.CharField(max_length=255, null=True, unique=True, verbose_name='Stripe refund')),
                ('made_at', models.DateTimeField(null=True, verbose_name='created in Stripe')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('mailed_at', models.DateTimeField(null=True, verbose_name='email sent')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='purchases.payment', verbose_name='payment')),
            ],
            options={
                'verbose_name': 'refund',
                'verbose_name_plural': 'refunds',
                'ordering': ['-created_at', '-id'],
                'permissions': [('refund_purchase', 'Can refund a purchase'), ('refund_any_amount', 'Can refund any amount')],
            },
        ),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
                ('counted_minor', models.BigIntegerField(null=True, verbose_name='converted amount in minor units')),
                ('counted_by', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='converted by')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('status', models.CharField(choices=[('warning_needs_response', 'Inquiry: needs response'), ('warning_under_review', 'Inquiry: under review'), ('warning_closed', 'Inquiry: closed'), ('prevented', 'Prevented'), ('needs_response', 'Needs response'), ('under_review', 'Under review'), ('won', 'Won'), ('lost', 'Lost')], max_length=30, verbose_name='status')),
                ('reason', models.CharField(blank=True, max_length=60, verbose_name='reason')),
                ('due_by', models.DateTimeField(null=True, verbose_name='respond by')),
                ('policy', models.CharField(choices=[('cap', 'Write off'), ('debt', 'Bill')], default='cap', max_length=10, verbose_name='policy')),
                ('stripe_dispute_id', models.CharField(max_length=255, unique=True, verbose_name='Stripe dispute')),
                ('made_at', models.DateTimeField(verbose_name='opened in Stripe')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed')),
                ('staff_told_at', models.DateTimeField(null=True, verbose_name='staff notified')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='purchases.payment', verbose_name='payment')),
            ],
            options={
                'verbose_name': 'dispute',
                'verbose_name_plural': 'disputes',
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['-created_at', '-id'], name='dispute_newest'), models.Index(condition=models.Q(('status__in', ['needs_response', 'warning_needs_response'])), fields=['due_by'], name='dispute_to_answer')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0), models.Q(('counted_minor__isnull', True), ('counted_minor__gte', 0), _connector='OR')), name='dispute_amount_positive')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dispute',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.made_at IS NOT NULL THEN INSERT INTO purchases_changedmoment (at) VALUES (NEW.made_at); END IF; RETURN NULL;', hash='1c4f0624a589dbb392478b748345c55d48ff8fa1', operation='INSERT OR UPDATE OF "status", "counted_minor", "made_at"', pgid='pgtrigger_notes_its_days_1e1ac', table='refunds_dispute', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dispute',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='12a25cf7cc972f19bd8d1b94febf1f819cbf804f', operation='DELETE', pgid='pgtrigger_is_never_deleted_9340a', table='refunds_dispute', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dispute',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='35b57e5f01acd33ecd05b273e9a781b0b8df3937', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_2d0a8', table='refunds_dispute', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['-created_at', '-id'], name='refund_newest'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('status', 'requested')), fields=['created_at'], name='refund_unanswered'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('asked_by__isnull', False)), fields=['asked_by', 'created_at'], name='refund_of_staff'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0), models.Q(('counted_minor__isnull', True), ('counted_minor__gte', 0), _connector='OR')), name='refund_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'requested'), ('stripe_refund_id__isnull', False), ('status', 'failed'), _connector='OR'), name='refund_known_at_stripe'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('payment', 'idempotency_key'), name='refund_one_per_idempotency_key'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='keeps_what_it_came_as', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."amount_minor" IS DISTINCT FROM (NEW."amount_minor") OR OLD."currency" IS DISTINCT FROM (NEW."currency") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ca73050e0d963a51fe93c1d6258e7fedd16c187b', operation='UPDATE', pgid='pgtrigger_keeps_what_it_came_as_eb7f3', table='refunds_refund', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='is_not_of_ones_own_purchase', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."asked_by" IS NOT NULL)', func="\n    IF coalesce(current_setting('credits.self_service', true), '') <> 'on' AND EXISTS (\n        SELECT FROM purchases_payment y JOIN purchases_purchase p ON p.id = y.purchase_id\n        JOIN credits_account a ON a.id = p.account_id\n        LEFT JOIN teams_membership m ON m.team_id = a.team_id AND m.user_id = NEW.asked_by\n        WHERE y.id = NEW.payment_id AND (NEW.asked_by IN (p.user_id, a.owner_id) OR m.user_id IS NOT NULL)\n    ) THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'refund_not_of_ones_own_purchase', TABLE = 'refunds_refund',\n            MESSAGE = format('refund %s: %s is of the purchase''s people', NEW.id, NEW.asked_by);\n    END IF;\n    RETURN NULL;\n", hash='9fdd6e95ddd1c8e4a4c2a6d2564bdeb48becfa5e', operation='INSERT', pgid='pgtrigger_is_not_of_ones_own_purchase_d8525', table='refunds_refund', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.created_at IS NOT NULL THEN INSERT INTO purchases_changedmoment (at) VALUES (NEW.created_at); END IF; IF NEW.made_at IS NOT NULL THEN INSERT INTO purchases_changedmoment (at) VALUES (NEW.made_at); END IF; RETURN NULL;', hash='c2299ab47b5bc2dc431e88c17580928c5a232e92', operation='INSERT OR UPDATE OF "status", "counted_minor", "made_at"', pgid='pgtrigger_notes_its_days_6bea3', table='refunds_refund', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='2b4096bec13b6d17bcc71b2b867ca552c1b9b1dd', operation='DELETE', pgid='pgtrigger_is_never_deleted_4f2c4', table='refunds_refund', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='ef3867ad1295db504c401c1f442f2eeb28e1856d', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_af338', table='refunds_refund', when='BEFORE')),
        ),
    ]
