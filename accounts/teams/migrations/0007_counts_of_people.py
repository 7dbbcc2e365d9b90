import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Processes of the version before go on writing by membership, and those of this one by team and person, until all of
# them are of this one: each row gets what the other looks for.
KNOWS_ITS_PERSON = """
CREATE FUNCTION teams_allowance_knows_its_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.team_id IS NULL THEN
        SELECT team_id, user_id INTO NEW.team_id, NEW.user_id FROM teams_membership WHERE id = NEW.membership_id;
    ELSIF NEW.membership_id IS NULL THEN
        SELECT id INTO NEW.membership_id FROM teams_membership
        WHERE team_id = NEW.team_id AND user_id = NEW.user_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER knows_its_person BEFORE INSERT ON teams_memberallowance
    FOR EACH ROW EXECUTE FUNCTION teams_allowance_knows_its_person();
"""
DROP = """
DROP TRIGGER knows_its_person ON teams_memberallowance;
DROP FUNCTION teams_allowance_knows_its_person();
"""


class Migration(migrations.Migration):
    """What a member spent was counted by their membership, and began anew with another one. Counts get a team and a
    person instead: those that are written from here on now, those that are there by 0008.
    """

    dependencies = [
        ('teams', '0006_invitations_validated'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='memberallowance',
            name='team',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team', verbose_name='team'),
        ),
        migrations.AddField(
            model_name='memberallowance',
            name='user',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member'),
        ),
        migrations.RunSQL(KNOWS_ITS_PERSON, DROP),
    ]
