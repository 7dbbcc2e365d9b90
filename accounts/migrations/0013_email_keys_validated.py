from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('accounts', '0012_email_keys_checked')]
    operations = [ValidateConstraint(model_name='user', name='accounts_user_email_key_is_its_emails')]
