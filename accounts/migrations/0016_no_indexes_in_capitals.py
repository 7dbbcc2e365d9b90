from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """Nobody is looked for by UPPER() any more."""

    atomic = False
    dependencies = [('accounts', '0015_people_by_username')]
    operations = [
        RemoveIndexConcurrently(model_name='user', name='accounts_user_by_email'),
        RemoveIndexConcurrently(model_name='user', name='accounts_user_by_name'),
    ]
