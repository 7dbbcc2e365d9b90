from django.db import migrations

from accounts.audit.operations import BY_HAND, watch

REFERRER = ["code", "stopped_at"]
REFERRAL = ["referrer_id", "state", "reason", "purchase_id", "due_at", "rewarded_at"]
# What staff write may name somebody: the row and its page's history keep it.
HIDDEN = ["note"]


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0001_referrals"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "referrals_referrer", "referrals.referrer", REFERRER,
            named_by="code", hidden=HIDDEN, inserts=None, updates=BY_HAND,
        ),
        watch(
            "referrals_referral", "referrals.referral", REFERRAL,
            hidden=HIDDEN, inserts=BY_HAND, updates=BY_HAND,
        ),
    ]
