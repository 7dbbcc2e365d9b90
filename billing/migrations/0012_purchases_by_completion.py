from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Over all purchases, beside whoever buys meanwhile."""

    atomic = False
    dependencies = [("billing", "0011_daily_figures")]
    operations = [
        AddIndexConcurrently(
            model_name='purchase',
            index=models.Index(condition=models.Q(('completed_at__isnull', False)), fields=['completed_at'], name='billing_purchase_by_completion'),
        ),
    ]
