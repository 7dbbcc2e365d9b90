from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """The constraint holds for what is written from here on; 0008 looks at what is there, without keeping anybody out."""

    dependencies = [("accounts", "0006_watched_rights")]
    operations = [
        migrations.AlterModelOptions(
            name='user',
            options={'permissions': [('export_user', 'Can download all that is held about a user'), ('erase_user', 'Can erase a user’s personal data')], 'verbose_name': 'user', 'verbose_name_plural': 'users'},
        ),
        migrations.AddField(
            model_name='user',
            name='erased_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='erased'),
        ),
        AddConstraintNotValid(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('erased_at__isnull', True), models.Q(('email', ''), ('first_name', ''), ('is_active', False), ('is_staff', False), ('is_superuser', False), ('last_login__isnull', True), ('last_name', ''), ('oidc_sub__isnull', True), ('provider_roles', ''), ('time_zone', ''), ('username__startswith', 'erased-')), _connector='OR'), name='accounts_user_erased_is_nobody'),
        ),
    ]
