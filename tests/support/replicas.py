"""A primary and its streaming replica, and Django's connections pointing at them."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections

from core.database.replica.freshness import BREAKER, LAG
from core.database.replica.positions import RECENT, written_position
from core.database.replica.routing import PRIMARY, REPLICA
from core.database.replica.settings import replica_settings
from dev.cluster import pgbouncer
from dev.cluster.pgbouncer import PgBouncer
from dev.cluster.postgres import SUPERUSER, Server, program
from dev.demo import free_port

NAME = "credits"
REACHED = {"dbname", "user", "password", "host", "port"}
# Nothing here outlives the tests: no write waits for the disk.
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_connections": "60"}


@dataclass(frozen=True)
class Pair:
    primary: Server
    standby: Server

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The replica shows nothing that comes from now on. This process knows that it was up to date until now."""
        written_position()
        self.catch_up()
        with self.standby.connect() as replica:
            replica.execute("SELECT pg_wal_replay_pause()")
            while self.standby.value("SELECT pg_get_wal_replay_pause_state()") != "paused":
                time.sleep(0.01)
        try:
            yield
        finally:
            self.standby.value("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Waits until the replica shows everything that was committed so far."""
        written = self.primary.value("SELECT pg_current_wal_lsn()")
        until = time.monotonic() + 30
        while not self.standby.value("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]):
            assert time.monotonic() < until, "The replica doesn't follow."
            time.sleep(0.01)


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Both servers, with a copy of the tests' database; they and their data are gone afterwards."""
    with TemporaryDirectory(prefix="credits-pair-") as folder:
        servers = [Server(name, Path(folder) / name, free_port(), QUICK) for name in ("primary", "standby")]
        primary, standby = servers
        try:
            primary.create()
            primary.start()
            _copy_database(primary)
            standby.follow(primary, servers)
            yield Pair(primary, standby)
        finally:
            standby.stop()
            primary.stop()


@contextmanager
def pointed_at(pair: Pair) -> Iterator[None]:
    """Django's connections lead to the pair, as with DATABASE_REPLICA_URL."""
    limits = settings.DATABASES[PRIMARY]["OPTIONS"]["options"].replace("-c synchronous_commit=off", "")
    with _reached(_address(pair.primary.port), _address(pair.standby.port), options=limits.strip()):
        yield


@contextmanager
def pooled_by(bouncer: PgBouncer) -> Iterator[None]:
    """They lead there through PgBouncer, as with PGBOUNCER."""
    there = _address(bouncer.port)
    primary, replica = ({**there, "NAME": name} for name in (pgbouncer.PRIMARY, pgbouncer.REPLICA))
    with _reached(primary, replica, options="", DISABLE_SERVER_SIDE_CURSORS=True):
        yield


@contextmanager
def _reached(primary: dict[str, Any], replica: dict[str, Any], options: str, **more: bool) -> Iterator[None]:
    own, others = settings.DATABASES[PRIMARY], settings.DATABASES.get(REPLICA)
    before = {"DISABLE_SERVER_SIDE_CURSORS": False, **own}
    _leave_connections()
    own.update(primary, OPTIONS={**own["OPTIONS"], "options": options}, **more)
    settings.DATABASES[REPLICA] = replica_settings(own, replica)
    connections.configure_settings(settings.DATABASES)
    try:
        yield
    finally:
        _leave_connections()
        own.update(before)
        settings.DATABASES.pop(REPLICA)
        if others:
            settings.DATABASES[REPLICA] = others


def _address(port: int) -> dict[str, Any]:
    return {"NAME": NAME, "USER": SUPERUSER, "PASSWORD": "", "HOST": "127.0.0.1", "PORT": port}


def forget_what_is_known(monkeypatch: Any) -> None:
    """As a process that has just started."""
    for name, value in {"_is_away": False, "_ask_again_at": 0.0}.items():
        monkeypatch.setattr(BREAKER, name, value)
    for name, value in {"_is_behind": False, "_impatient_until": 0.0}.items():
        monkeypatch.setattr(LAG, name, value)
    monkeypatch.setattr(RECENT, "_read", deque())


def _copy_database(primary: Server) -> None:
    with primary.connect() as server:
        server.execute(f"CREATE DATABASE {NAME}")
    told = {key: value for key, value in connection.get_connection_params().items() if key in REACHED}
    source = psycopg.conninfo.make_conninfo(**told)
    dump = [program("pg_dump"), "--no-owner", "--no-privileges", "-d", source]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
        restore = [program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", primary.url(NAME)]
        subprocess.run(restore, stdin=dumping.stdout, stdout=subprocess.DEVNULL, check=True)
    assert dumping.returncode == 0


def _leave_connections() -> None:
    for each in connections.all(initialized_only=True):
        each.close()
        each.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
    if hasattr(connections._connections, REPLICA):  # type: ignore[attr-defined]
        del connections[REPLICA]
