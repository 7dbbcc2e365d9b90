from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Beside whoever buys meanwhile."""

    atomic = False
    dependencies = [("billing", "0016_purchases_of_a_customer")]
    operations = [
        AddIndexConcurrently(
            model_name='purchase',
            index=models.Index(fields=['status', '-created_at', '-id'], name='billing_purchase_by_status'),
        ),
        AddIndexConcurrently(
            model_name='purchase',
            index=models.Index(fields=['package_code', '-created_at', '-id'], name='billing_purchase_by_package'),
        ),
        AddIndexConcurrently(
            model_name='purchaseevent',
            index=models.Index(fields=['what', '-id'], name='billing_purchaseevent_by_what'),
        ),
        AddIndexConcurrently(
            model_name='purchaseevent',
            index=models.Index(fields=['source', '-id'], name='billing_purchaseevent_by_told'),
        ),
        AddIndexConcurrently(
            model_name='purchaseevent',
            index=models.Index(condition=models.Q(('stripe_event_id', ''), _negated=True), fields=['stripe_event_id'], name='billing_purchaseevent_of_event'),
        ),
    ]
