from django.db import migrations

from accounts.audit.operations import BY_HAND, watch

AUTO_TOP_UP = [
    "account_id", "state", "reason", "threshold", "package_code", "custom_minor", "currency", "monthly_limit_minor",
    "consent_id", "declines", "retry_at",
]


class Migration(migrations.Migration):
    dependencies = [
        ("auto_top_up", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("auto_top_up_autotopup", "auto_top_up.autotopup", AUTO_TOP_UP, beside=["currency"], updates=BY_HAND),
        watch("auto_top_up_pause", "auto_top_up.pause", ["actor_id"]),
    ]
