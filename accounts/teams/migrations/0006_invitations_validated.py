from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('teams', '0005_invitations_checked')]
    operations = [ValidateConstraint(model_name='invitation', name='teams_invitation_email_in_normal_form')]
