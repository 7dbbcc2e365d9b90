"""How far a replica is behind, asked of a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from core.monitoring.database import replica_lag
from dev.cluster.postgres import Server
from dev.demo import free_port


@pytest.fixture
def replicating(tmp_path: Path, django_db_blocker: Any) -> Iterator[tuple[Server, Server]]:
    """A primary and its replica, known to Django by these names."""
    primary, replica = (Server(name, tmp_path / name, free_port()) for name in ("lag_primary", "lag_replica"))
    tmp_path.chmod(0o755)
    primary.create()
    primary.start()
    replica.follow(primary, [primary])
    for server in (primary, replica):
        settings = {**connections.databases["default"], "HOST": "127.0.0.1", "PORT": server.port}
        options = {"application_name": "test"}
        connections.databases[server.name] = {
            **settings,
            "NAME": "postgres",
            "USER": "postgres",
            "OPTIONS": options,
        }
    try:
        with django_db_blocker.unblock():
            yield primary, replica
    finally:
        for server in (replica, primary):
            connections[server.name].close()
            del connections[server.name]
            del connections.databases[server.name]
            server.stop()


def test_a_replica_is_behind_by_what_it_hasnt_replayed(replicating: tuple[Server, Server]) -> None:
    primary, replica = replicating
    with primary.connect() as writes, replica.connect() as replays:
        writes.execute("CREATE TABLE written (at timestamptz)")
        while replica_lag(primary.name, replica.name)[0]:
            time.sleep(0.05)
        assert replica_lag(primary.name, replica.name) == (0, 0), "however long ago the last write was"
        replays.execute("SELECT pg_wal_replay_pause()")
        time.sleep(1)
        writes.execute("INSERT INTO written VALUES (now())")
        behind, seconds = replica_lag(primary.name, replica.name)
        assert behind > 0
        assert 1 <= seconds < 30
    with pytest.raises(RuntimeError, match="isn't a replica"):
        replica_lag(primary.name, primary.name)
