from django.db import migrations

VALIDATE = 'ALTER TABLE teams_memberallowance VALIDATE CONSTRAINT teams_allowance_has_a_person'


class Migration(migrations.Migration):
    dependencies = [('teams', '0009_counts_have_people')]
    operations = [migrations.RunSQL(VALIDATE, migrations.RunSQL.noop)]
