from django.db import migrations

from accounts.audit.operations import BY_HAND, watch

PURCHASE = [
    "user_id", "account_id", "package_code", "credits", "price_minor", "list_price_minor", "currency",
    "discount_percentage", "validity_days", "status", "attention", "failure_code", "paid_minor", "refunded_minor",
    "stripe_session_id", "completed_at",
]
PAYMENT = [
    "purchase_id", "lot_id", "stripe_payment_intent_id", "stripe_charge_id", "amount_minor", "currency", "state",
    "livemode", "attention", "paid_at",
]


class Migration(migrations.Migration):
    dependencies = [
        ("purchases", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "purchases_purchase", "purchases.purchase", PURCHASE,
            named_by="package_code", beside=["currency"], inserts=None, updates=BY_HAND,
        ),
        watch(
            "purchases_payment", "purchases.payment", PAYMENT,
            beside=["currency", "purchase_id"], inserts=None, updates=BY_HAND,
        ),
        # What staff had done again without a change of the purchase.
        watch(
            "purchases_purchaseevent",
            "purchases.purchaseevent",
            ["purchase_id", "what", "to_status"],
            named_by="what",
            inserts="NEW.source = 'staff' AND NEW.from_status = NEW.to_status",
            updates=None,
            deletes=None,
        ),
    ]
