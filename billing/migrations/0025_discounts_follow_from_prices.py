from django.db import migrations

from accounts.audit.operations import unwatch, watch

# What the audit recorded until now: see 0015.
OLD_PACKAGE = [
    "code", "name", "description", "credits", "price_minor", "currency", "discount_percentage", "badge", "display_order",
    "is_active", "validity_days", "stripe_product_id", "stripe_price_id", "stripe_price_minor", "stripe_currency",
]
PACKAGE = [column for column in OLD_PACKAGE if column != "discount_percentage"]

# The version before names the column in each of its inserts, this one in none.
WITHOUT_IT = "ALTER TABLE billing_package ALTER COLUMN discount_percentage SET DEFAULT 0;"
WITH_IT = "ALTER TABLE billing_package ALTER COLUMN discount_percentage DROP DEFAULT;"


class Migration(migrations.Migration):
    """A package's discount follows from the prices. Every step is quick.

    For processes of the version before, billing_package keeps the column discount_percentage and its constraint
    billing_package_discount_is_a_percentage. The next version drops both.
    """

    dependencies = [
        ('billing', '0024_prices_that_can_be_paid'),
    ]

    operations = [
        unwatch(watch('billing_package', 'billing.package', OLD_PACKAGE, named_by='code', beside=['currency'])),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(WITHOUT_IT, WITH_IT)],
            state_operations=[
                migrations.RemoveConstraint(
                    model_name='package',
                    name='billing_package_discount_is_a_percentage',
                ),
                migrations.RemoveField(
                    model_name='package',
                    name='discount_percentage',
                ),
            ],
        ),
        watch('billing_package', 'billing.package', PACKAGE, named_by='code', beside=['currency']),
    ]
