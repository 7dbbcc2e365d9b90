from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_erased_people")]
    operations = [ValidateConstraint(model_name='user', name='accounts_user_erased_is_nobody')]
