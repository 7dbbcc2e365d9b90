from django.db import migrations

CREATE = """
CREATE FUNCTION teams_counts_keep_their_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM teams_memberallowance WHERE user_id = OLD.id) THEN
        RAISE foreign_key_violation USING
            CONSTRAINT = 'teams_allowance_keeps_its_person', TABLE = 'teams_memberallowance',
            MESSAGE = format('user %s: what they spent in a team is counted', OLD.id);
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER teams_counts_keep_their_person BEFORE DELETE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION teams_counts_keep_their_person();
"""
DROP = """
DROP TRIGGER teams_counts_keep_their_person ON accounts_user;
DROP FUNCTION teams_counts_keep_their_person();
"""


class Migration(migrations.Migration):
    """Refuses to delete a user whose spending in a team is counted: the column has no foreign key, so that rows are quick to write."""

    dependencies = [
        ("teams", "0001_initial"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(CREATE, DROP),
    ]
