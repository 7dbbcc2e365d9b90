from django.db import migrations

from accounts.audit.operations import watch

RATE = ["provider", "model", "unit", "price", "per", "effective_from"]
MARKUP = ["provider", "model", "percent", "effective_from"]


class Migration(migrations.Migration):
    dependencies = [
        ("rates", "0003_card_function"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("rates_rate", "rates.rate", RATE, named_by="model", beside=["provider", "unit", "effective_from"]),
        watch("rates_markup", "rates.markup", MARKUP, named_by="model", beside=["provider", "effective_from"]),
    ]
