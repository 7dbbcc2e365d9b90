from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from accounts.normal_form import NormalForm


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("accounts", "0002_audit"),
    ]

    operations = [
        AddIndexConcurrently(
            "user", models.Index(NormalForm("first_name"), name="accounts_user_by_first_name")
        ),
        AddIndexConcurrently(
            "user", models.Index(NormalForm("last_name"), name="accounts_user_by_last_name")
        ),
    ]
