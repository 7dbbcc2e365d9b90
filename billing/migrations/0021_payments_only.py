import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.db import migrations, models

from accounts.audit.operations import BY_HAND, unwatch, watch

# What the audit recorded until now: see 0015.
OLD_REFUND = [
    "purchase_id", "amount_minor", "currency", "status", "reason", "policy", "origin", "asked_by",
    "failure_reason", "credits_asked", "credits_taken", "credits_owed", "stripe_refund_id", "stripe_payment_intent_id",
    "settled_at",
]
OLD_PURCHASE = [
    "user_id", "account_id", "package_code", "credits", "price_minor", "list_price_minor", "currency",
    "discount_percentage", "validity_days", "status", "attention", "failure_code", "paid_minor", "refunded_minor",
    "credits_asked_back", "credits_taken_back", "credits_owed", "stripe_session_id", "stripe_payment_intent_id",
    "completed_at",
]
OLD_DISPUTE = [
    "purchase_id", "amount_minor", "currency", "status", "credits_asked", "credits_taken", "credits_owed", "closed_at",
]
EVENT = ["status", "attempts", "applied_at", "purchase_id"]

REFUND = [
    "payment_id", "amount_minor", "counted_minor", "counted_by", "currency", "status", "reason", "policy", "origin",
    "asked_by", "failure_reason", "stripe_refund_id", "made_at", "settled_at",
]
PURCHASE = [
    "user_id", "account_id", "package_code", "credits", "price_minor", "list_price_minor", "currency",
    "discount_percentage", "validity_days", "status", "attention", "failure_code", "paid_minor", "refunded_minor",
    "stripe_session_id", "completed_at",
]
PAYMENT = [
    "purchase_id", "lot_id", "stripe_payment_intent_id", "stripe_charge_id", "amount_minor", "currency", "state",
    "livemode", "attention", "paid_at",
]
DISPUTE = [
    "payment_id", "amount_minor", "counted_minor", "counted_by", "currency", "status", "policy", "closed_at",
]


def by_hand(table, kind, columns, **more):
    return watch(table, kind, columns, inserts=None, updates=BY_HAND, **more)


def watch_events(statuses):
    return by_hand(
        'billing_inboxevent', 'billing.inboxevent', EVENT, named_by='type',
        deletes=f"{BY_HAND} AND OLD.status IN ({statuses})",  # the others are forgotten in time
    )


class Migration(migrations.Migration):
    """Takes away what payments, and the clawbacks of their lots, took the place of."""

    dependencies = [('billing', '0020_fill_payments')]

    operations = [
        unwatch(watch('billing_refund', 'billing.refund', OLD_REFUND, hidden=['note'], beside=['currency', 'purchase_id'])),
        unwatch(by_hand('billing_purchase', 'billing.purchase', OLD_PURCHASE, named_by='package_code', beside=['currency'])),
        unwatch(by_hand('billing_dispute', 'billing.dispute', OLD_DISPUTE, beside=['currency', 'purchase_id'])),
        unwatch(watch_events("'received', 'failed'")),
        migrations.AlterField(
            model_name='dispute',
            name='made_at',
            field=models.DateTimeField(verbose_name='opened at Stripe'),
        ),
        migrations.AlterField(
            model_name='reconciliationfinding',
            name='key',
            field=models.CharField(max_length=320, verbose_name='problem'),
        ),
        migrations.AlterField(
            model_name='dispute',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.payment', verbose_name='payment'),
        ),
        migrations.AlterField(
            model_name='refund',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='billing.payment', verbose_name='payment'),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='dispute',
            name='notes_its_days',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='purchase',
            name='notes_its_days',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='refund',
            name='notes_its_days',
        ),
        migrations.RemoveConstraint(
            model_name='dispute',
            name='billing_dispute_amount_positive',
        ),
        migrations.RemoveConstraint(
            model_name='purchase',
            name='billing_purchase_takes_back_what_it_gave',
        ),
        migrations.RemoveConstraint(
            model_name='refund',
            name='billing_refund_amount_positive',
        ),
        migrations.RemoveConstraint(
            model_name='refund',
            name='billing_refund_one_per_idempotency_key',
        ),
        migrations.RemoveIndex(
            model_name='purchase',
            name='billing_purchase_by_completion',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='credits_asked',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='credits_owed',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='credits_taken',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='purchase',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='stripe_charge_id',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='stripe_payment_intent_id',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='credits_asked_back',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='credits_owed',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='credits_taken_back',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='returns_booked',
        ),
        migrations.RemoveField(
            model_name='purchase',
            name='stripe_payment_intent_id',
        ),
        migrations.RemoveField(
            model_name='refund',
            name='credits_asked',
        ),
        migrations.RemoveField(
            model_name='refund',
            name='credits_owed',
        ),
        migrations.RemoveField(
            model_name='refund',
            name='credits_taken',
        ),
        migrations.RemoveField(
            model_name='refund',
            name='purchase',
        ),
        migrations.RemoveField(
            model_name='refund',
            name='stripe_payment_intent_id',
        ),
        migrations.RemoveField(
            model_name='uncreditedpayment',
            name='purchase',
        ),
        migrations.DeleteModel(
            name='UncreditedPayment',
        ),
        migrations.AlterField(
            model_name='dispute',
            name='created_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created'),
        ),
        migrations.AddConstraint(
            model_name='reconciliationfinding',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('key',), name='billing_finding_waits_once'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0), models.Q(('counted_minor__isnull', True), ('counted_minor__gte', 0), _connector='OR')), name='billing_dispute_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0), models.Q(('counted_minor__isnull', True), ('counted_minor__gte', 0), _connector='OR')), name='billing_refund_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('payment', 'idempotency_key'), name='billing_refund_one_per_idempotency_key'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='dispute',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.made_at IS NOT NULL THEN INSERT INTO billing_changedmoment (at) VALUES (NEW.made_at); END IF; RETURN NULL;', hash='17dafc18e56aaab0d85ee805817735b87971d9bb', operation='INSERT OR UPDATE OF "status", "counted_minor", "made_at"', pgid='pgtrigger_notes_its_days_98152', table='billing_dispute', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='purchase',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.created_at IS NOT NULL THEN INSERT INTO billing_changedmoment (at) VALUES (NEW.created_at); END IF; RETURN NULL;', hash='f7a2977c596ce34a589c92092411589e721646e1', operation='INSERT OR UPDATE OF "status"', pgid='pgtrigger_notes_its_days_03ea4', table='billing_purchase', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='notes_its_days', sql=pgtrigger.compiler.UpsertTriggerSql(func='IF NEW.created_at IS NOT NULL THEN INSERT INTO billing_changedmoment (at) VALUES (NEW.created_at); END IF; IF NEW.made_at IS NOT NULL THEN INSERT INTO billing_changedmoment (at) VALUES (NEW.made_at); END IF; RETURN NULL;', hash='3ffdcd3401f17000f41f259824c58fef8952182f', operation='INSERT OR UPDATE OF "status", "counted_minor", "made_at"', pgid='pgtrigger_notes_its_days_073c7', table='billing_refund', when='AFTER')),
        ),
        watch('billing_refund', 'billing.refund', REFUND, hidden=['note'], beside=['currency', 'payment_id']),
        by_hand('billing_purchase', 'billing.purchase', PURCHASE, named_by='package_code', beside=['currency']),
        by_hand('billing_payment', 'billing.payment', PAYMENT, beside=['currency', 'purchase_id']),
        by_hand('billing_dispute', 'billing.dispute', DISPUTE, beside=['currency', 'payment_id']),
        watch_events("'received', 'unmatched', 'unreadable', 'failed'"),
    ]
