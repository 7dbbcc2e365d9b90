from django.db import migrations

# Two open ones that turn out to be for one address would not both keep it: the one that came first stays open.
MEND = """
UPDATE teams_invitation later SET revoked_at = now()
WHERE accepted_at IS NULL AND revoked_at IS NULL AND EXISTS (
    SELECT FROM teams_invitation earlier
    WHERE earlier.team_id = later.team_id AND earlier.accepted_at IS NULL AND earlier.revoked_at IS NULL
      AND lower(normalize(earlier.email, NFC) COLLATE "C") = lower(normalize(later.email, NFC) COLLATE "C")
      AND (earlier.created_at, earlier.id) < (later.created_at, later.id)
);
UPDATE teams_invitation SET email = lower(normalize(email, NFC) COLLATE "C")
WHERE email <> lower(normalize(email, NFC) COLLATE "C");
"""


class Migration(migrations.Migration):
    """Invitations were for an address in lower case as Python has it, which may be written in several ways still."""

    dependencies = [('teams', '0003_one_audit')]
    operations = [migrations.RunSQL(MEND, migrations.RunSQL.noop)]
