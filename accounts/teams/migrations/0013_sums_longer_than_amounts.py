from django.db import migrations, models


class Migration(migrations.Migration):
    """More digits before the point and as many behind it: PostgreSQL rewrites no row for that."""

    dependencies = [("teams", "0012_counts_outlive_memberships")]
    operations = [
        migrations.AlterField(
            model_name='memberallowance',
            name='spent',
            field=models.DecimalField(decimal_places=6, max_digits=30, verbose_name='spent'),
        ),
    ]
