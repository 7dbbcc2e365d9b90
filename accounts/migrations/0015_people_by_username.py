import accounts.normal_form
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('accounts', '0014_people_by_email_key')]
    operations = [
        AddIndexConcurrently(
            model_name='user',
            index=models.Index(accounts.normal_form.NormalForm('username'), name='accounts_user_by_username'),
        ),
    ]
