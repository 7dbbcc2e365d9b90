import accounts.normal_form
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """For what is written from here on; 0013 looks at what is there, without keeping anybody out."""

    dependencies = [('accounts', '0011_fill_email_keys')]
    operations = [
        AddConstraintNotValid(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email_key', accounts.normal_form.NormalForm('email'))), name='accounts_user_email_key_is_its_emails'),
        ),
    ]
