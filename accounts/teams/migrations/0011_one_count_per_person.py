from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

CREATE = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS teams_allowance_per_person
    ON teams_memberallowance (team_id, user_id, period, starts_on)
"""


class Migration(migrations.Migration):
    """Beside the spends meanwhile. 0012 makes a constraint of the first index."""

    atomic = False
    dependencies = [('teams', '0010_counts_have_people_validated')]
    operations = [
        migrations.RunSQL(CREATE, 'DROP INDEX CONCURRENTLY IF EXISTS teams_allowance_per_person'),
        AddIndexConcurrently(
            model_name='memberallowance',
            index=models.Index(fields=['user'], name='teams_allowance_by_user'),
        ),
    ]
