from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Two indexes take the place of two that lacked what the inbox's figures count; beside whoever writes meanwhile."""

    atomic = False
    dependencies = [("billing", "0004_bounded_validity")]
    operations = [
        migrations.AlterModelOptions(
            name='inboxevent',
            options={'ordering': ['-received_at', '-id'], 'permissions': [('reapply_event', 'Can apply an event again'), ('view_personal_data', 'Can see personal data in what Stripe sent')], 'verbose_name': 'webhook event', 'verbose_name_plural': 'webhook events'},
        ),
        AddIndexConcurrently(
            model_name='inboxevent',
            index=models.Index(fields=['-received_at', '-id'], include=('status',), name='billing_inbox_in_time'),
        ),
        AddIndexConcurrently(
            model_name='inboxevent',
            index=models.Index(condition=models.Q(('status__in', ['received', 'failed'])), fields=['-received_at', '-id'], include=('status', 'type'), name='billing_inbox_not_applied'),
        ),
        RemoveIndexConcurrently(
            model_name='inboxevent',
            name='billing_inbox_newest',
        ),
        RemoveIndexConcurrently(
            model_name='inboxevent',
            name='billing_inbox_failed',
        ),
    ]
