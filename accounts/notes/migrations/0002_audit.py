from django.db import migrations

from accounts.audit.operations import watch


class Migration(migrations.Migration):
    dependencies = [
        ("notes", "0001_initial"),
        ("audit", "0001_initial"),
    ]

    operations = [
        watch("notes_note", "notes.note", ["user_id", "team_id", "author_id"], hidden=["text"]),
    ]
