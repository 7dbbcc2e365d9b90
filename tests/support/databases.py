"""A migrated database for each run: a copy of a template that is made once and kept until a migration changes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

ROOT = Path(__file__).resolve().parent.parent.parent
# What a migrated database follows from: migrations and their SQL, models and roles (whose permissions and groups are
# made after migrating), and the apps of others.
SOURCES = re.compile(r"(^|/)\w*migrations/.*\.(py|sql)$|(^|/)(models|apps|roles)\b.*\.py$|\.sql$")


@contextmanager
def copied_database() -> Iterator[None]:
    """Points Django at a new copy of the template, and drops it at the end."""
    own = settings.DATABASES["default"]["NAME"]
    copy = connection.settings_dict["TEST"]["NAME"]
    with _one_at_a_time() as cursor:
        template = _template(cursor)
        cursor.execute(f'DROP DATABASE IF EXISTS "{copy}"')
        cursor.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{template}"')
    _use(copy)
    yield
    connection.creation.destroy_test_db(own, verbosity=0)


@contextmanager
def without_pool() -> Iterator[None]:
    """Whoever asks the database next has to connect first: no open connection is handed out."""
    options = connection.settings_dict["OPTIONS"]
    pool = options.pop("pool")
    try:
        yield
    finally:
        options["pool"] = pool


def _template(cursor: CursorWrapper) -> str:
    """Migrates it where it isn't there yet. Others of the same name are out of date."""
    family = f"{_base_name()}_template_"
    name = family + _fingerprint()
    cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [family])
    found = {datname for (datname,) in cursor.fetchall()}
    if name not in found:
        for outdated in found:
            cursor.execute(f'DROP DATABASE "{outdated}"')
        _migrate(f"{family}unfinished")
        cursor.execute(f'ALTER DATABASE "{family}unfinished" RENAME TO "{name}"')
    return name


def _migrate(name: str) -> None:
    own, test = settings.DATABASES["default"]["NAME"], connection.settings_dict["TEST"]
    copy, test["NAME"] = test["NAME"], name
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    finally:
        test["NAME"] = copy
        _use(own)


def _use(name: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one: of the database before
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _base_name() -> str:
    """The test database's name without the suffix of a worker."""
    return re.sub(r"_gw\d+$", "", connection.settings_dict["TEST"]["NAME"])


def _fingerprint() -> str:
    digest = hashlib.sha256((ROOT / "requirements-dev.txt").read_bytes())
    apps = {name.split(".")[0] for name in settings.INSTALLED_APPS}
    rooms = [ROOT / name for name in sorted(apps | {"config"}) if (ROOT / name).is_dir()]
    for file in sorted(file for room in rooms for file in room.rglob("*.*")):
        path = str(file.relative_to(ROOT))
        if SOURCES.search(path):
            digest.update(path.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _one_at_a_time() -> Iterator[CursorWrapper]:
    """A cursor of the server's own database, for one process of all that test on this server."""
    with connection.creation._nodb_cursor() as cursor:  # type: ignore[attr-defined]  # untyped upstream
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtext('template of the tests'))")
        yield cursor
