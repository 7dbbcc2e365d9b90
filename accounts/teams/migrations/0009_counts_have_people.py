from django.db import migrations

ADD = """
ALTER TABLE teams_memberallowance ADD CONSTRAINT teams_allowance_has_a_person
    CHECK (team_id IS NOT NULL AND user_id IS NOT NULL) NOT VALID
"""
DROP = 'ALTER TABLE teams_memberallowance DROP CONSTRAINT IF EXISTS teams_allowance_has_a_person'


class Migration(migrations.Migration):
    """For what is written from here on; 0010 looks at what is there, without keeping a spend waiting."""

    dependencies = [('teams', '0008_fill_counts_of_people')]
    operations = [migrations.RunSQL(ADD, DROP)]
