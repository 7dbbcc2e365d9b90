from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Over what staff gave and took alone: most rows are a script's."""

    atomic = False
    dependencies = [("credits", "0019_nobody_adjusts_for_themselves")]
    operations = [
        AddIndexConcurrently(
            model_name='adjustment',
            index=models.Index(condition=models.Q(('asked_by__isnull', False), ('needs_approval', False)), fields=['asked_by', 'asked_at'], name='credits_adjustment_done_alone'),
        ),
    ]
