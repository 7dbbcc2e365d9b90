from django.db import migrations

from accounts.audit.operations import BY_HAND, watch

REFUND = [
    "payment_id", "amount_minor", "counted_minor", "counted_by", "currency", "status", "reason", "policy", "origin",
    "asked_by", "failure_reason", "stripe_refund_id", "made_at", "settled_at",
]
DISPUTE = [
    "payment_id", "amount_minor", "counted_minor", "counted_by", "currency", "status", "policy", "closed_at",
]


class Migration(migrations.Migration):
    dependencies = [
        ("refunds", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("refunds_refund", "refunds.refund", REFUND, hidden=["note"], beside=["currency", "payment_id"]),
        watch(
            "refunds_dispute", "refunds.dispute", DISPUTE,
            beside=["currency", "payment_id"], inserts=None, updates=BY_HAND,
        ),
    ]
