"""Keep the attempts of a delivery with it, not in a table of their own."""

from django.db import migrations, models


def move_attempts(apps, schema_editor):
    deliveries = apps.get_model("sandbox", "Delivery").objects
    for attempt in apps.get_model("sandbox", "Attempt").objects.order_by("id").values():
        delivery = deliveries.filter(pk=attempt["delivery"]).first()
        if delivery is not None:
            names = ("at", "status", "duration_ms", "body", "error")
            delivery.attempts.append({name: attempt[name] for name in names})
            delivery.save()


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0001_initial")]

    operations = [
        migrations.AddField("delivery", "attempts", models.JSONField(default=list)),
        migrations.RunPython(move_attempts, migrations.RunPython.noop),
        migrations.DeleteModel("Attempt"),
    ]
