from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A client without a scope was refused everything; it is switched off now, and so says why."""

    dependencies = [
        ('clients', '0003_act_for_others'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(
            "UPDATE clients_apiclient SET is_active = false WHERE is_active AND cardinality(scopes) = 0",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name='apiclient',
            constraint=models.CheckConstraint(
                condition=models.Q(('is_active', False), ('scopes__len__gt', 0), _connector='OR'),
                name='clients_client_active_has_a_scope',
            ),
        ),
    ]
