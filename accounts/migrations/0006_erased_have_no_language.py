from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_language'),
    ]

    operations = [
        ValidateConstraint('user', 'accounts_user_erased_is_nobody'),
    ]
