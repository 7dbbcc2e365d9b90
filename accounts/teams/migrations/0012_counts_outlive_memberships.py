import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

# The check of 0010 spares the two columns another look at every row.
NOT_NULL = """
ALTER TABLE teams_memberallowance ALTER COLUMN team_id SET NOT NULL, ALTER COLUMN user_id SET NOT NULL;
ALTER TABLE teams_memberallowance DROP CONSTRAINT teams_allowance_has_a_person;
"""
NULL_AGAIN = """
ALTER TABLE teams_memberallowance ADD CONSTRAINT teams_allowance_has_a_person
    CHECK (team_id IS NOT NULL AND user_id IS NOT NULL);
ALTER TABLE teams_memberallowance ALTER COLUMN team_id DROP NOT NULL, ALTER COLUMN user_id DROP NOT NULL;
"""
ONE_PER_PERSON = """
ALTER TABLE teams_memberallowance RENAME CONSTRAINT teams_allowance_one_per_period TO teams_allowance_one_per_membership;
ALTER TABLE teams_memberallowance ADD CONSTRAINT teams_allowance_one_per_period
    UNIQUE USING INDEX teams_allowance_per_person;
"""
ONE_PER_MEMBERSHIP = """
ALTER TABLE teams_memberallowance DROP CONSTRAINT teams_allowance_one_per_period;
ALTER TABLE teams_memberallowance RENAME CONSTRAINT teams_allowance_one_per_membership TO teams_allowance_one_per_period;
CREATE UNIQUE INDEX teams_allowance_per_person ON teams_memberallowance (team_id, user_id, period, starts_on);
"""
# A membership goes, its counts stay.
LET_GO = """
DO $$
DECLARE v_name text;
BEGIN
    SELECT conname INTO STRICT v_name FROM pg_constraint
        WHERE conrelid = 'teams_memberallowance'::regclass AND confrelid = 'teams_membership'::regclass;
    EXECUTE format('ALTER TABLE teams_memberallowance DROP CONSTRAINT %I', v_name);
END $$;
ALTER TABLE teams_memberallowance ALTER COLUMN membership_id DROP NOT NULL;
"""
# The older schema has no place for what somebody spent who has left.
HOLD_AGAIN = """
DELETE FROM teams_memberallowance a WHERE NOT EXISTS (SELECT FROM teams_membership m WHERE m.id = a.membership_id);
ALTER TABLE teams_memberallowance ALTER COLUMN membership_id SET NOT NULL;
ALTER TABLE teams_memberallowance ADD CONSTRAINT teams_memberallowance_membership_id_fk
    FOREIGN KEY (membership_id) REFERENCES teams_membership (id) DEFERRABLE INITIALLY DEFERRED;
"""
KEEP_THE_PERSON = """
CREATE FUNCTION teams_counts_keep_their_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM teams_memberallowance WHERE user_id = OLD.id) THEN
        RAISE foreign_key_violation USING
            CONSTRAINT = 'teams_allowance_keeps_its_person', TABLE = 'teams_memberallowance',
            MESSAGE = format('user %s: what they spent in a team is counted', OLD.id);
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER teams_counts_keep_their_person BEFORE DELETE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION teams_counts_keep_their_person();
"""
LET_THE_PERSON_GO = """
DROP TRIGGER teams_counts_keep_their_person ON accounts_user;
DROP FUNCTION teams_counts_keep_their_person();
"""


class Migration(migrations.Migration):
    """Counts are of a person in a team, and are never deleted. Every step is quick.

    For processes of the version before, teams_memberallowance keeps the column membership_id, its unique constraint
    teams_allowance_one_per_membership, and the trigger knows_its_person. The next version drops the three.
    """

    dependencies = [
        ('teams', '0011_one_count_per_person'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='memberallowance',
            name='stays_within_the_cap',
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(NOT_NULL, NULL_AGAIN),
                migrations.RunSQL(ONE_PER_PERSON, ONE_PER_MEMBERSHIP),
                migrations.RunSQL(LET_GO, HOLD_AGAIN),
            ],
            state_operations=[
                migrations.RemoveConstraint(
                    model_name='memberallowance',
                    name='teams_allowance_one_per_period',
                ),
                migrations.RemoveField(
                    model_name='memberallowance',
                    name='membership',
                ),
                migrations.AlterField(
                    model_name='memberallowance',
                    name='team',
                    field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='teams.team', verbose_name='team'),
                ),
                migrations.AlterField(
                    model_name='memberallowance',
                    name='user',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='member'),
                ),
                migrations.AddConstraint(
                    model_name='memberallowance',
                    constraint=models.UniqueConstraint(fields=('team', 'user', 'period', 'starts_on'), name='teams_allowance_one_per_period'),
                ),
            ],
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
        migrations.RunSQL(KEEP_THE_PERSON, LET_THE_PERSON_GO),
    ]
