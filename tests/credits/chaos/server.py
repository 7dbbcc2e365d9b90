"""A PostgreSQL of the test's own, durable as in production, that can be made to crash."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from dev.database import LOCAL, embedded_server

FOLDER = LOCAL / "chaos"


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = embedded_server(folder)

    def url(self, database: str = "postgres") -> str:
        return str(self._server.get_uri(database=database))

    def execute(self, database: str, *statements: str) -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, database: str, query: str) -> str:
        with psycopg.connect(self.url(database)) as connection:
            (value,) = connection.execute(query.encode()).fetchone() or ("",)
        return str(value)

    def copy_schema(self, source: dict[str, Any], database: str) -> None:
        """Makes ``database`` with the tables, functions and guards of another server's, and no rows. ``source`` is in
        Django's words.
        """
        self.execute("postgres", f"CREATE DATABASE {database}")
        programs = self._server.bin_path
        words = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        conninfo = make_conninfo(**{name: source[word] for name, word in words.items() if source[word]})
        dump = [str(programs / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", conninfo]
        restore = [str(programs / "psql"), "-q", "-1", "-v", "ON_ERROR_STOP=1", self.url(database)]
        schema = subprocess.run(dump, check=True, capture_output=True).stdout
        subprocess.run(restore, check=True, input=schema, stdout=subprocess.DEVNULL)

    def copy_database(self, template: str, name: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def crash(self) -> None:
        """Ends every process of the server at once, as a power cut does, and starts it again."""
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-s", "-D", str(self.folder)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        user = self._server.system_user
        subprocess.run([*command, "-m", "immediate", "restart"], check=True, user=user, **quiet)
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[Server]:
    """A new server, removed with all its data whatever happened between."""
    _remove_left_over()
    server = Server(FOLDER / str(os.getpid()))
    try:
        yield server
    finally:
        server.remove()


def _remove_left_over() -> None:
    """A run that was killed leaves its server behind."""
    for folder in FOLDER.glob("*"):
        if not psutil.pid_exists(int(folder.name)):
            Server(folder).remove()
