import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """A small index over times, beside whoever spends meanwhile."""

    atomic = False
    dependencies = [("credits", "0010_daily_figures")]
    operations = [
        migrations.AlterModelOptions(
            name='entry',
            options={'permissions': [('download_ledger', 'Can download the ledger')], 'verbose_name': 'entry', 'verbose_name_plural': 'entries'},
        ),
        AddIndexConcurrently(
            model_name='entry',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['created_at'], name='credits_entry_by_time'),
        ),
    ]
