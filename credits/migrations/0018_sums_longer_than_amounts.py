import credits.models.daily_figures
from django.db import migrations


class Migration(migrations.Migration):
    """More digits before the point and as many behind it: PostgreSQL rewrites no row for that."""

    dependencies = [("credits", "0017_low_balance_mails_once_a_day")]
    operations = [
        migrations.AlterField(
            model_name='runningdry',
            name='burn',
            field=credits.models.daily_figures.SumField(decimal_places=6, default=0, max_digits=30, verbose_name='spent a day'),
        ),
        migrations.AlterField(
            model_name='spendingday',
            name='spent',
            field=credits.models.daily_figures.SumField(decimal_places=6, default=0, max_digits=30, verbose_name='spent'),
        ),
    ]
