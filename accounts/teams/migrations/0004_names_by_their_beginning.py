from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from accounts.normal_form import NormalForm


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("teams", "0003_audit"),
    ]

    operations = [
        AddIndexConcurrently("team", models.Index(NormalForm("name"), name="teams_team_by_name")),
    ]
