from django.db import migrations

from accounts.audit.operations import watch


class Migration(migrations.Migration):
    dependencies = [
        ("packages", "0004_prices"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "packages_packageprice", "packages.packageprice", ["package_id", "currency", "price_minor"],
            beside=["currency", "package_id"],
        ),
    ]
