from django.db import migrations

from accounts.audit.operations import watch

PACKAGE = [
    "code", "name", "description", "credits", "price_minor", "currency", "badge", "display_order", "is_active",
    "validity_days", "stripe_product_id", "stripe_price_id", "stripe_price_minor", "stripe_currency", "repeatable",
]


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("packages_package", "packages.package", PACKAGE, named_by="code", beside=["currency"]),
    ]
