from django.db import migrations

from accounts.audit.operations import watch


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "redemption_codebatch",
            "redemption.codebatch",
            [
                "name",
                "credits",
                "count",
                "uses",
                "expires_at",
                "validity_days",
                "reason",
                "created_by_id",
                "revoked_at",
            ],
            named_by="name",
        ),
        # Redeeming is not the audit's: the redemption tells of it.
        watch("redemption_code", "redemption.code", ["revoked_at"], beside=["batch_id", "last4"], inserts=None),
    ]
