import accounts.normal_form
import accounts.teams.models
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created')),
            ],
            options={
                'verbose_name': 'team',
                'verbose_name_plural': 'teams',
                'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='teams_team_has_a_name')],
            },
        ),
        migrations.CreateModel(
            name='MemberAllowance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('period', models.CharField(choices=[('day', 'per day'), ('week', 'per week'), ('month', 'per month')], max_length=10, verbose_name='period')),
                ('starts_on', models.DateField(verbose_name='from')),
                ('spent', models.DecimalField(decimal_places=6, max_digits=30, verbose_name='spent')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member')),
                ('team', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team', verbose_name='team')),
            ],
            options={
                'verbose_name': 'allowance',
                'verbose_name_plural': 'allowances',
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(help_text='In lower case.', max_length=254, verbose_name='email')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member')], default='member', max_length=10, verbose_name='role')),
                ('cap', models.DecimalField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='cap')),
                ('cap_period', models.CharField(blank=True, choices=[('day', 'per day'), ('week', 'per week'), ('month', 'per month')], default='', max_length=10, verbose_name='cap period')),
                ('token_hash', models.CharField(editable=False, max_length=64, unique=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='invited')),
                ('expires_at', models.DateTimeField(verbose_name='expires')),
                ('mail_sent_at', models.DateTimeField(null=True, verbose_name='mail sent')),
                ('accepted_at', models.DateTimeField(null=True, verbose_name='accepted')),
                ('revoked_at', models.DateTimeField(null=True, verbose_name='revoked')),
                ('accepted_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='accepted by')),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='invited by')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='teams.team', verbose_name='team')),
            ],
            options={
                'verbose_name': 'invitation',
                'verbose_name_plural': 'invitations',
                'ordering': ['-created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('member', 'Member')], default='member', max_length=10, verbose_name='role')),
                ('cap', models.DecimalField(blank=True, decimal_places=6, max_digits=24, null=True, verbose_name='cap')),
                ('cap_period', models.CharField(blank=True, choices=[('day', 'per day'), ('week', 'per week'), ('month', 'per month')], default='', max_length=10, verbose_name='cap period')),
                ('joined_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='joined')),
                ('user', models.ForeignKey(on_delete=accounts.teams.models.leave_with_the_user, related_name='memberships', to=settings.AUTH_USER_MODEL, verbose_name='member')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='teams.team', verbose_name='team')),
            ],
            options={
                'verbose_name': 'membership',
                'verbose_name_plural': 'memberships',
                'constraints': [models.UniqueConstraint(fields=('team', 'user'), name='teams_membership_one_per_team_and_user'), models.UniqueConstraint(condition=models.Q(('role', 'owner')), fields=('team',), name='teams_membership_one_owner_per_team'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'member'])), name='teams_membership_role_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('cap__isnull', True), ('cap_period', '')), models.Q(('cap__gte', 0), ('cap__isnull', False), ('cap_period__in', ['day', 'week', 'month'])), _connector='OR'), name='teams_membership_cap_has_a_period'), models.CheckConstraint(condition=models.Q(models.Q(('role', 'owner'), _negated=True), ('cap__isnull', True), _connector='OR'), name='teams_membership_owner_has_no_cap')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='leaves_the_team_an_owner', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', declare='DECLARE v_team uuid;', func="\n    v_team := CASE WHEN TG_OP = 'DELETE' THEN OLD.team_id ELSE NEW.team_id END;\n    PERFORM 1 FROM teams_team WHERE id = v_team FOR NO KEY UPDATE;\n    IF EXISTS (SELECT 1 FROM teams_membership WHERE team_id = v_team)\n       AND NOT EXISTS (SELECT 1 FROM teams_membership WHERE team_id = v_team AND role = 'owner') THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'teams_team_has_an_owner', TABLE = 'teams_membership',\n            MESSAGE = format('team %s: it has members and no owner', v_team);\n    END IF;\n    RETURN NULL;\n", hash='52afb0c58f5102e34630f5fffdd43339b86214fa', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_leaves_the_team_an_owner_01c4d', table='teams_membership', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='membership',
            trigger=pgtrigger.compiler.Trigger(name='stays_in_its_team', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."team_id" IS DISTINCT FROM (NEW."team_id") OR OLD."user_id" IS DISTINCT FROM (NEW."user_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7ced843deed5d54ddc5d6bbe219d239589bcd9a6', operation='UPDATE', pgid='pgtrigger_stays_in_its_team_dced7', table='teams_membership', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='memberallowance',
            index=models.Index(fields=['user'], name='teams_allowance_by_user'),
        ),
        migrations.AddConstraint(
            model_name='memberallowance',
            constraint=models.UniqueConstraint(fields=('team', 'user', 'period', 'starts_on'), name='teams_allowance_one_per_period'),
        ),
        migrations.AddConstraint(
            model_name='memberallowance',
            constraint=models.CheckConstraint(condition=models.Q(('spent__gte', 0)), name='teams_allowance_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='memberallowance',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ['day', 'week', 'month'])), name='teams_allowance_period_is_known'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='memberallowance',
            trigger=pgtrigger.compiler.Trigger(name='stays_within_the_cap', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', declare='DECLARE v_cap numeric;', func="\n    IF TG_OP = 'UPDATE' THEN\n        IF NEW.spent <= OLD.spent THEN\n            RETURN NULL;\n        END IF;\n    END IF;\n    SELECT cap INTO v_cap FROM teams_membership\n        WHERE team_id = NEW.team_id AND user_id = NEW.user_id AND cap_period = NEW.period FOR SHARE;\n    IF NEW.spent > v_cap THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'teams_allowance_within_cap', TABLE = 'teams_memberallowance',\n            MESSAGE = format('team %s, user %s: %s spent in a %s whose cap is %s',\n                             NEW.team_id, NEW.user_id, NEW.spent, NEW.period, v_cap);\n    END IF;\n    RETURN NULL;\n", hash='3f06be4d5693f7a36bedd54bfa62a0f509789300', operation='INSERT OR UPDATE OF "spent"', pgid='pgtrigger_stays_within_the_cap_15c33', table='teams_memberallowance', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='memberallowance',
            trigger=pgtrigger.compiler.Trigger(name='only_counts_up', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    IF TG_OP = 'UPDATE' THEN\n        IF NEW.spent >= OLD.spent AND (NEW.team_id, NEW.user_id, NEW.period, NEW.starts_on)\n                                    = (OLD.team_id, OLD.user_id, OLD.period, OLD.starts_on) THEN\n            RETURN NEW;\n        END IF;\n    END IF;\n    RAISE check_violation USING\n        CONSTRAINT = 'teams_allowance_only_counts_up', TABLE = 'teams_memberallowance',\n        MESSAGE = format('team %s, user %s: what was counted stays counted', OLD.team_id, OLD.user_id);\n", hash='ddfdf8574ba6035bc5d2801c7a4011a972898e77', operation='UPDATE OR DELETE', pgid='pgtrigger_only_counts_up_c0e7f', table='teams_memberallowance', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='memberallowance',
            trigger=pgtrigger.compiler.Trigger(name='is_never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;", hash='d464125cea62ea22ccd0f00e64e229d9289b35a4', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_is_never_emptied_3d2af', table='teams_memberallowance', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True)), fields=('team', 'email'), name='teams_invitation_one_open_per_team_and_email'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('email', accounts.normal_form.NormalForm('email'))), name='teams_invitation_email_in_normal_form'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'member'])), name='teams_invitation_makes_no_owner'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True), _connector='OR'), name='teams_invitation_ends_once'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cap__isnull', True), ('cap_period', '')), models.Q(('cap__gte', 0), ('cap__isnull', False), ('cap_period__in', ['day', 'week', 'month'])), _connector='OR'), name='teams_invitation_cap_has_a_period'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invitation',
            trigger=pgtrigger.compiler.Trigger(name='stays_closed', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN ((OLD.accepted_at IS NOT NULL AND NEW.accepted_at IS DISTINCT FROM OLD.accepted_at) OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='aba5cc3130701ac8d766ce390c504e52be1584dd', operation='UPDATE', pgid='pgtrigger_stays_closed_c548f', table='teams_invitation', when='BEFORE')),
        ),
    ]
