"""The tests' database is a copy of a template: it has what migrating would make."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection

from billing.admin.roles import bring_groups_up_to_date
from tests.support import databases


@pytest.mark.django_db
def test_nothing_is_left_to_migrate() -> None:
    before = (Permission.objects.count(), Group.permissions.through.objects.count())
    call_command(
        "migrate", check_unapplied=True, verbosity=0
    )  # exits with 1 where something is left to apply
    bring_groups_up_to_date()
    assert (Permission.objects.count(), Group.permissions.through.objects.count()) == before
    assert connection.settings_dict["NAME"].startswith(databases._base_name())


@pytest.mark.parametrize(
    ("file", "another"),
    [
        ("billing/migrations/0099_more.py", True),
        ("credits/migrations/0099_functions.sql", True),
        ("credits/sql/spend.sql", True),
        ("billing/packages/models.py", True),
        ("billing/admin/roles.py", True),
        ("billing/pages/views.py", False),
        ("billing/models/__pycache__/packages.pyc", False),
    ],
)
def test_a_change_of_what_migrating_reads_makes_another_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, another: bool
) -> None:
    monkeypatch.setattr(databases, "ROOT", tmp_path)
    (tmp_path / "requirements-dev.txt").touch()
    changed = tmp_path / file
    changed.parent.mkdir(parents=True)
    before = databases._fingerprint()
    changed.write_text("a change")
    assert (databases._fingerprint() != before) is another
