"""Measure how far the standbys are behind, twice a second."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

import psycopg

from dev.cluster.whole import Cluster

EVERY_S = 0.5
LAG = "SELECT coalesce(extract(epoch FROM max(replay_lag)), 0) FROM pg_stat_replication"


class LagMeter:
    """Seconds between a commit on the primary and its replay on the slowest standby that is connected."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.seconds: list[float] = []
        self._over = Event()
        self._thread = Thread(target=self._measure, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._over.wait(EVERY_S):
            with suppress(psycopg.OperationalError):  # the primary is being replaced
                self.seconds.append(float(self.cluster.primary.value(LAG)))
