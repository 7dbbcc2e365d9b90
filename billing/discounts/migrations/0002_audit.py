from django.db import migrations

from accounts.audit.operations import watch, watch_links

CODE = [
    "code", "note", "percent", "starts_at", "ends_at", "max_uses", "first_purchase_only", "once_per_buyer",
    "stackable", "is_active",
]
AMOUNT = ["discount_code_id", "currency", "amount_minor", "minimum_minor"]
SALE = ["name", "percent", "starts_at", "ends_at", "is_active"]
PACKAGE = ("package_id", "packages_package", "code")


class Migration(migrations.Migration):
    dependencies = [
        ("discounts", "0001_discounts"),
        ("packages", "0003_custom_amounts"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("discounts_discountcode", "discounts.discountcode", CODE, named_by="code"),
        watch("discounts_codeamount", "discounts.codeamount", AMOUNT, beside=["currency", "discount_code_id"]),
        watch("discounts_sale", "discounts.sale", SALE, named_by="name"),
        watch_links(
            "discounts_discountcode_packages", "discounts.discountcode", "discountcode_id",
            has="packages", other=PACKAGE, named_by=("discounts_discountcode", "code"),
        ),
        watch_links(
            "discounts_sale_packages", "discounts.sale", "sale_id",
            has="packages", other=PACKAGE, named_by=("discounts_sale", "name"),
        ),
    ]
