from django.db import migrations

from accounts.audit.operations import watch

ADJUSTMENT = [
    "account_id", "amount", "reason", "reference", "promotional", "expires_at", "key", "needs_approval", "asked_by_id",
    "status", "decided_by_id", "decided_at", "entry_id", "undoes_id",
]


class Migration(migrations.Migration):
    dependencies = [
        ("credits", "0002_functions"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("credits_adjustment", "credits.adjustment", ADJUSTMENT, beside=["account_id"]),
    ]
