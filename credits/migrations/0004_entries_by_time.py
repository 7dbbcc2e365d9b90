from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("credits", "0003_audit"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="entry",
            index=BrinIndex(autosummarize=True, fields=["created_at"], name="credits_entry_by_time"),
        ),
    ]
