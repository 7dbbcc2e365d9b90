from django.db import migrations, models
from django.db.models import F, Q

NAME = "billing_purchase_completed_is_paid_in_full"


class Migration(migrations.Migration):
    """A completed purchase without a paid amount passed the check: a comparison with null is not false."""

    dependencies = [("billing", "0002_permissions")]
    operations = [
        migrations.RemoveConstraint("purchase", NAME),
        migrations.AddConstraint(
            "purchase",
            models.CheckConstraint(
                condition=Q(("status", "completed"), _negated=True)
                | Q(("paid_minor", F("price_minor")), ("paid_minor__isnull", False)),
                name=NAME,
            ),
        ),
    ]
