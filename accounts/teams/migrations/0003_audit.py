from django.db import migrations

from accounts.audit.operations import watch

MEMBERSHIP = ["team_id", "user_id", "role", "cap", "cap_period"]


class Migration(migrations.Migration):
    dependencies = [
        ("teams", "0002_counts_keep_their_person"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("teams_membership", "teams.membership", MEMBERSHIP, beside=["team_id", "user_id"]),
    ]
