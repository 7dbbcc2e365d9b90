"""Our quick way through dj-stripe's migrations ends where upstream's does.

The schema comparison takes the models for the truth, because upstream's own migrations take a minute to run.
That these end at the models too was measured once: docs/decisions/djstripe-migrations.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from dev import squash_djstripe

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
UPSTREAM = {"0001_initial", "0002_2_10", "0003_2_11"}

COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
       datetime_precision, is_nullable, column_default, is_identity, identity_generation, collation_name
FROM information_schema.columns WHERE table_schema = %s AND table_name LIKE 'djstripe%%'
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype, condeferrable, condeferred, convalidated,
       pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace = %s::regnamespace AND conrelid::regclass::text LIKE 'djstripe%%' AND contype <> 'n'
"""
INDEXES = """
SELECT tablename, indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes
WHERE schemaname = %s AND tablename LIKE 'djstripe%%'
"""

LOOK_WITHOUT_THE_SETTING = """
import django
from django.core.management import call_command

django.setup()
call_command("showmigrations", "djstripe")
call_command("migrate", "djstripe", check_unapplied=True)  # exits with 1 where something is left to apply
"""


def test_the_migrations_leave_nothing_of_dj_stripe_to_make() -> None:
    loader = MigrationLoader(connection)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    assert "djstripe" not in detector.changes(loader.graph)


def test_the_schema_is_the_one_that_the_models_describe() -> None:
    """Every column, constraint and index: as migrated, and as Django makes it straight from the models.

    The models are rendered as for a migration: the ids of many-to-many tables are then of DEFAULT_AUTO_FIELD,
    upstream's migrations do it so too, and not of dj-stripe's own `default_auto_field`.
    """
    migrated = catalogue("public")
    rendered = ProjectState.from_apps(apps).apps
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA scratch; SET LOCAL search_path TO scratch")  # gone with the transaction
    with connection.schema_editor() as editor:
        for app in ("contenttypes", "auth", "accounts", "djstripe"):
            for model in rendered.get_app_config(app).get_models():
                editor.create_model(model)

    described = catalogue("scratch")

    assert len({row[0] for row in described["columns"]}) > 60
    for what, rows in described.items():
        assert migrated[what] == rows, what


def test_the_replaced_migrations_are_recorded_as_applied() -> None:
    recorded = MigrationRecorder(connection).applied_migrations()
    names = {name for app, name in recorded if app == "djstripe"}
    assert names == UPSTREAM | {"0001_squashed_0003_2_11"}


def test_taking_the_setting_away_leaves_upstreams_history_intact(tmp_path: Path) -> None:
    """A process without `MIGRATION_MODULES`, on the same database: nothing to apply, nothing unknown."""
    (tmp_path / "upstream_settings.py").write_text(
        "from config.settings.test import *\n"
        "MIGRATION_MODULES = {}\n"
        f"DATABASES = {{'default': {connection.settings_dict!r}}}\n"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "upstream_settings",
        "PYTHONPATH": f"{tmp_path}:{ROOT}:{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK_WITHOUT_THE_SETTING], env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines == ["djstripe", *(f"[X] {name}" for name in sorted(UPSTREAM))]


def test_the_squash_is_what_the_generator_writes() -> None:
    """After an upgrade of dj-stripe: `python -m dev.squash_djstripe`."""
    from django.db.migrations.writer import MigrationWriter

    squash = squash_djstripe.make_squash(squash_djstripe.upstream_migrations())
    written = squash_djstripe.PACKAGE / f"{squash.name}.py"
    assert written.read_text() == MigrationWriter(squash, include_header=False).as_string()


def catalogue(schema: str) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    with connection.cursor() as cursor:
        for what, query in {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES}.items():
            cursor.execute(query, [schema])
            found[what] = sorted(cursor.fetchall(), key=repr)
    return found
