from django.conf import settings
from django.db import migrations, models


def once(owner):
    """One purchase of a package for each of these, where it can be had once: beside whoever buys meanwhile."""
    name = "billing_purchase_once_per_" + ("person" if owner == "user" else owner)
    build = (
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON billing_purchase ({owner}_id, package_code) WHERE once_per_buyer;"
    )
    constraint = models.UniqueConstraint(
        fields=(owner, 'package_code'), condition=models.Q(('once_per_buyer', True)), name=name
    )
    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunSQL(build, f"DROP INDEX CONCURRENTLY {name};")],
        state_operations=[migrations.AddConstraint(model_name='purchase', constraint=constraint)],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ('billing', '0028_free_packs'),
        ('credits', '0020_adjustments_of_a_day'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [once('user'), once('account')]
