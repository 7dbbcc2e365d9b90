import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credits", "0018_sums_longer_than_amounts"), ("teams", "0001_initial")]
    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='adjustment',
            trigger=pgtrigger.compiler.Trigger(name='is_not_for_oneself', sql=pgtrigger.compiler.UpsertTriggerSql(declare="DECLARE v_staff uuid[] := ARRAY[CASE TG_OP WHEN 'INSERT' THEN NEW.asked_by_id END, CASE NEW.status WHEN 'booked' THEN NEW.decided_by_id END];", func="\n    IF coalesce(current_setting('credits.self_service', true), '') <> 'on' AND EXISTS (\n        SELECT FROM credits_account a LEFT JOIN teams_membership m ON m.team_id = a.team_id\n        WHERE a.id = NEW.account_id AND (a.owner_id = ANY (v_staff) OR m.user_id = ANY (v_staff))\n    ) THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'credits_adjustment_not_for_oneself', TABLE = 'credits_adjustment',\n            MESSAGE = format('adjustment %s: the account is that of who asks or approves', NEW.id);\n    END IF;\n    RETURN NULL;\n", hash='1d3fa2c4275639994c9d0b950e3b12ae78bd35bf', operation='INSERT OR UPDATE OF "decided_by_id"', pgid='pgtrigger_is_not_for_oneself_0b9be', table='credits_adjustment', when='AFTER')),
        ),
    ]
