import accounts.normal_form
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    """For what is written from here on; 0006 looks at what is there, without keeping anybody out."""

    dependencies = [('teams', '0004_invitations_in_normal_form')]
    operations = [
        AddConstraintNotValid(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('email', accounts.normal_form.NormalForm('email'))), name='teams_invitation_email_in_normal_form'),
        ),
    ]
