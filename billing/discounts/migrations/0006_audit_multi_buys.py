from django.db import migrations

from accounts.audit.operations import watch, watch_links

MULTI_BUY = ["name", "paid", "free", "starts_at", "ends_at", "stackable", "is_active"]
PACKAGE = ("package_id", "packages_package", "code")


class Migration(migrations.Migration):
    dependencies = [
        ("discounts", "0005_multi_buys"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("discounts_multibuy", "discounts.multibuy", MULTI_BUY, named_by="name"),
        watch_links(
            "discounts_multibuy_packages", "discounts.multibuy", "multibuy_id",
            has="packages", other=PACKAGE, named_by=("discounts_multibuy", "name"),
        ),
    ]
