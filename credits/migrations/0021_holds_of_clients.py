from pathlib import Path

from django.db import migrations

NEW = Path(__file__).with_suffix(".sql").read_text()
BEFORE = NEW.replace("(v_hold.client IS NULL OR v_hold.client IS NOT DISTINCT FROM p_client)",
                     "v_hold.client IS NOT DISTINCT FROM p_client")


class Migration(migrations.Migration):
    """Lets clients repeat the holds that they made before holds had clients."""

    dependencies = [("credits", "0020_adjustments_of_a_day")]
    operations = [migrations.RunSQL(NEW, BEFORE)]
