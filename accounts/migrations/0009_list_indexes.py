import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Beside whoever signs in meanwhile."""

    atomic = False
    dependencies = [("accounts", "0008_erased_people_validated")]
    operations = [
        AddIndexConcurrently(
            model_name='user',
            index=models.Index(django.db.models.functions.text.Upper('username'), name='accounts_user_by_name'),
        ),
    ]
