"""Rewrite dj-stripe's squashed migration after an upgrade: `python -m dev.squash_djstripe`.

The new file replaces the old one in the same commit. A new database runs the new squash; a database that ran the old
one has upstream's migrations on record, and runs only upstream's newer ones.
"""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from django.db.migrations.migration import Migration
    from django.db.migrations.state import ProjectState

PACKAGE = Path(__file__).resolve().parent.parent / "billing" / "stripe" / "djstripe_migrations"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    django.setup()
    print(f"Wrote {write_squash()}")


def write_squash() -> Path:
    """Write one file that creates dj-stripe's models from nothing, as Django's autodetector finds it."""
    from django.db.migrations.writer import MigrationWriter

    squash = make_squash(upstream_migrations())
    for older in PACKAGE.glob("0001_squashed_*.py"):
        older.unlink()
    path = PACKAGE / f"{squash.name}.py"
    path.write_text(MigrationWriter(squash, include_header=False).as_string())
    return path


def make_squash(replaced: list[Migration]) -> Migration:
    from django.db.migrations.migration import Migration

    from billing.stripe.djstripe_migrations._create_together import CreateTogether

    found = detect_from_nothing()

    class Squash(Migration):
        initial = True
        replaces = [("djstripe", migration.name) for migration in replaced]
        dependencies = sorted({key for part in found for key in part.dependencies if key[0] != "djstripe"})
        operations = [CreateTogether([operation for part in found for operation in part.operations])]

    return Squash(f"0001_squashed_{replaced[-1].name}", "djstripe")


def detect_from_nothing() -> list[Migration]:
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.graph import MigrationGraph
    from django.db.migrations.questioner import MigrationQuestioner
    from django.db.migrations.state import ProjectState

    models = ProjectState.from_apps(apps)
    questioner = MigrationQuestioner(specified_apps={"djstripe"})
    detector = MigrationAutodetector(without_djstripe(models), models, questioner)
    found: list[Migration] = detector.changes(MigrationGraph(), trim_to_apps={"djstripe"})["djstripe"]
    return found


def without_djstripe(models: ProjectState) -> ProjectState:
    from django.db.migrations.state import ProjectState

    return ProjectState({key: state for key, state in models.models.items() if key[0] != "djstripe"})


def upstream_migrations() -> list[Migration]:
    """Return upstream's migrations, oldest first. Raises if one does more than change the schema."""
    import djstripe.migrations

    names = sorted(module.name for module in pkgutil.iter_modules(djstripe.migrations.__path__))
    found = [import_module(f"djstripe.migrations.{name}").Migration(name, "djstripe") for name in names]
    refuse_code_and_sql(found)
    return found


def refuse_code_and_sql(migrations: list[Migration]) -> None:
    from django.db.migrations.operations import RunPython, RunSQL, SeparateDatabaseAndState

    for migration in migrations:
        for operation in migration.operations:
            if isinstance(operation, RunPython | RunSQL | SeparateDatabaseAndState):
                raise SystemExit(f"{migration} contains {operation}: carry it over by hand.")


if __name__ == "__main__":
    main()
