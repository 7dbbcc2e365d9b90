from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Over all entries but spends, and beside whoever spends meanwhile."""

    atomic = False
    dependencies = [("credits", "0006_gifts_and_notices")]
    operations = [
        AddIndexConcurrently(
            model_name='entry',
            index=models.Index(condition=models.Q(('kind', 'spend'), _negated=True), fields=['account', 'kind', 'version'], include=('amount',), name='credits_entry_but_spends'),
        ),
    ]
