from django.db import migrations

from accounts.audit.operations import watch



class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "reconciliation_reconciliationfinding",
            "reconciliation.reconciliationfinding",
            ["state", "settled_by", "settled_at"],
            named_by="kind",
            beside=["purchase_id"],
            inserts=None,
        ),
    ]
