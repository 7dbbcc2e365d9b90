import credits.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """A row whose threshold was taken away stays. Going back there are no such rows."""

    dependencies = [("credits", "0016_daily_prices")]
    operations = [
        migrations.AddField(
            model_name='balancealert',
            name='mail_due',
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name='mail due'),
        ),
        migrations.AlterField(
            model_name='balancealert',
            name='threshold',
            field=credits.models.fields.AmountField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='threshold'),
        ),
        migrations.RunSQL(
            migrations.RunSQL.noop, reverse_sql="DELETE FROM credits_balancealert WHERE threshold IS NULL"
        ),
        migrations.AddConstraint(
            model_name='balancealert',
            constraint=models.CheckConstraint(condition=models.Q(('below', False), ('threshold__isnull', False), _connector='OR'), name='credits_alert_below_a_threshold'),
        ),
    ]
