from django.db import migrations

from accounts.audit.operations import watch

PLAN = [
    "code", "name", "description", "credits", "price_minor", "currency", "interval", "rollover", "rollover_months",
    "trial_days", "display_order", "is_active", "stripe_product_id", "stripe_price_id", "stripe_price_minor",
    "stripe_currency",
]


class Migration(migrations.Migration):
    dependencies = [
        ("plans", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [watch("plans_plan", "plans.plan", PLAN, named_by="code", beside=["currency"])]
