from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Over the refunds that staff asked for, beside whoever refunds meanwhile."""

    atomic = False
    dependencies = [("billing", "0022_nobody_refunds_themselves")]
    operations = [
        AddIndexConcurrently(
            model_name='refund',
            index=models.Index(condition=models.Q(('asked_by__isnull', False)), fields=['asked_by', 'created_at'], name='billing_refund_of_staff'),
        ),
    ]
