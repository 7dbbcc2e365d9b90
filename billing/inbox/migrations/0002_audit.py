from django.db import migrations

from accounts.audit.operations import BY_HAND, watch



class Migration(migrations.Migration):
    dependencies = [
        ("inbox", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch(
            "inbox_inboxevent",
            "inbox.inboxevent",
            ["status", "attempts", "applied_at", "purchase_id"],
            named_by="type",
            inserts=None,
            updates=BY_HAND,
            # The others are deleted in time.
            deletes=f"{BY_HAND} AND OLD.status IN ('received', 'unmatched', 'unreadable', 'failed')",
        ),
    ]
