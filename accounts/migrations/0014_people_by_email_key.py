from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [('accounts', '0013_email_keys_validated')]
    operations = [
        AddIndexConcurrently(
            model_name='user',
            index=models.Index(fields=['email_key'], name='accounts_user_by_email_key'),
        ),
    ]
