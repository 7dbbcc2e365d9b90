from django.db import migrations, models

from accounts.audit.operations import unwatch, watch

# What the audit recorded until now: see 0025.
OLD_PACKAGE = [
    "code", "name", "description", "credits", "price_minor", "currency", "badge", "display_order", "is_active",
    "validity_days", "stripe_product_id", "stripe_price_id", "stripe_price_minor", "stripe_currency",
]
PACKAGE = [*OLD_PACKAGE, "repeatable"]


class Migration(migrations.Migration):
    """Says which free packs can be taken again. Both columns have a constant default: quick."""

    dependencies = [
        ('billing', '0027_ask_stripe_once_in_a_while'),
    ]

    operations = [
        migrations.AddField(
            model_name='package',
            name='repeatable',
            field=models.BooleanField(db_default=False, default=False, help_text='Only for a free pack. Off: once per person, and once per team.', verbose_name='can be claimed again'),
        ),
        migrations.AddField(
            model_name='purchase',
            name='once_per_buyer',
            field=models.BooleanField(db_default=False, default=False, verbose_name='once per buyer'),
        ),
        unwatch(watch('billing_package', 'billing.package', OLD_PACKAGE, named_by='code', beside=['currency'])),
        watch('billing_package', 'billing.package', PACKAGE, named_by='code', beside=['currency']),
    ]
