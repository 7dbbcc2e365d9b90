import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0021_payments_only"), ("teams", "0001_initial")]
    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name='refund',
            trigger=pgtrigger.compiler.Trigger(name='is_not_of_ones_own_purchase', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."asked_by" IS NOT NULL)', func="\n    IF coalesce(current_setting('credits.self_service', true), '') <> 'on' AND EXISTS (\n        SELECT FROM billing_payment y JOIN billing_purchase p ON p.id = y.purchase_id\n        JOIN credits_account a ON a.id = p.account_id\n        LEFT JOIN teams_membership m ON m.team_id = a.team_id AND m.user_id = NEW.asked_by\n        WHERE y.id = NEW.payment_id AND (NEW.asked_by IN (p.user_id, a.owner_id) OR m.user_id IS NOT NULL)\n    ) THEN\n        RAISE check_violation USING\n            CONSTRAINT = 'billing_refund_not_of_ones_own_purchase', TABLE = 'billing_refund',\n            MESSAGE = format('refund %s: %s is of the purchase''s people', NEW.id, NEW.asked_by);\n    END IF;\n    RETURN NULL;\n", hash='abe5eea27f8e242afa60d22f159dd3fd2aa7a690', operation='INSERT', pgid='pgtrigger_is_not_of_ones_own_purchase_bf21f', table='billing_refund', when='AFTER')),
        ),
    ]
