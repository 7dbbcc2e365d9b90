"""Our own tables with ten thousand funded accounts, made once a run and copied for each part."""

from __future__ import annotations

from threading import Lock

from dev.bench.cluster import Cluster
from dev.bench.environment import production_environment
from dev.bench.hosts import Host
from dev.bench.load import MANY

NAME = "bench_template"
LEDGER = "dev.bench.contenders.ledger"
_lock = Lock()
_made: set[str] = set()


def ledger_database(cluster: Cluster, name: str) -> str:
    """A new database with our tables and accounts; gives its URL."""
    with _lock:
        if cluster.url() not in _made:
            _make(cluster)
            _made.add(cluster.url())
        return cluster.create_database(name, template=NAME)


def _make(cluster: Cluster) -> None:
    url = cluster.create_database(NAME)
    host = Host(LEDGER, url, **production_environment(url))
    try:
        host.call("create", url)
        host.call("fund", url, MANY)
    finally:
        host.stop()
