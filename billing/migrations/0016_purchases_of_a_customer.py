from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Beside whoever buys meanwhile."""

    atomic = False
    dependencies = [("billing", "0015_one_audit")]
    operations = [
        AddIndexConcurrently(
            model_name='purchase',
            index=models.Index(condition=models.Q(('stripe_customer_id', ''), _negated=True), fields=['stripe_customer_id'], name='billing_purchase_of_customer'),
        ),
    ]
