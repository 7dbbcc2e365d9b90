import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('purchases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='InboxEvent',
            fields=[
                ('id', models.CharField(max_length=255, primary_key=True, serialize=False, verbose_name='event')),
                ('type', models.CharField(max_length=100, verbose_name='type')),
                ('api_version', models.CharField(blank=True, max_length=50, verbose_name='API version')),
                ('livemode', models.BooleanField(default=False, verbose_name='live')),
                ('account', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='account')),
                ('payment_ref', models.CharField(blank=True, db_default='', default='', max_length=255, verbose_name='payment')),
                ('payload', models.JSONField(verbose_name='payload')),
                ('stripe_created', models.DateTimeField(verbose_name='occurred')),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='received')),
                ('status', models.CharField(choices=[('received', 'Pending'), ('applied', 'Processed'), ('stored', 'No action needed'), ('unmatched', 'Waiting for payment'), ('not_ours', 'Not ours'), ('ignored', 'Ignored'), ('unreadable', 'Unreadable'), ('failed', 'Failed')], db_default='received', default='received', max_length=20, verbose_name='status')),
                ('note', models.CharField(blank=True, db_default='', max_length=300, verbose_name='note')),
                ('attempts', models.PositiveIntegerField(db_default=1, default=1, verbose_name='attempts')),
                ('applied_at', models.DateTimeField(null=True, verbose_name='processed')),
                ('mirrored_at', models.DateTimeField(null=True, verbose_name='mirrored')),
                ('purchase', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='inbox_events', to='purchases.purchase', verbose_name='purchase')),
            ],
            options={
                'verbose_name': 'webhook event',
                'verbose_name_plural': 'webhook events',
                'ordering': ['-received_at', '-id'],
                'permissions': [('reapply_event', 'Can reprocess events'), ('view_personal_data', 'Can see personal data from Stripe')],
                'indexes': [models.Index(fields=['-received_at', '-id'], include=('status',), name='inbox_in_time'), models.Index(condition=models.Q(('status__in', ['received', 'failed', 'unreadable'])), fields=['-received_at', '-id'], include=('status', 'type'), name='inbox_not_applied'), models.Index(fields=['type', '-received_at'], name='inbox_by_type'), models.Index(condition=models.Q(('status__in', ['unmatched', 'not_ours'])), fields=['payment_ref'], name='inbox_unmatched')],
            },
        ),
    ]
