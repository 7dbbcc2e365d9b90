"""Read gauges when Prometheus asks for them: what only the database, or another neighbour, knows.

Packages register readers when their app is ready. One that fails is left out, and counted: the others are still served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

import structlog
from django.db import connection, connections, transaction
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core.outages import DATABASE_AWAY

logger = structlog.get_logger(__name__)

Reader = Callable[[], Iterable[GaugeMetricFamily]]

# Prometheus waits ten seconds by default. A statement is given up after the first, further readers aren't begun after
# the second.
STATEMENT_TIMEOUT_MS = 1500
LONGEST_S = 6.0


@dataclass(frozen=True)
class Registered:
    """A reader. One that ``uses_database`` isn't asked while the database is away; one that ``may_wait`` for another
    neighbour is asked after all others, so that it keeps none of them from being read.
    """

    read: Reader
    uses_database: bool
    may_wait: bool


_readers: dict[str, Registered] = {}


def register_reader(name: str, read: Reader, *, uses_database: bool = True, may_wait: bool = False) -> None:
    """Have a reader asked at each scrape, see `Registered`. The name is its label in ``credits_reading_up``."""
    _readers[name] = Registered(read, uses_database, may_wait)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    """Return a gauge without labels."""
    return GaugeMetricFamily(name, text, value=value)


def labelled(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    """Return a gauge with one label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for value_of_label, value in values:
        family.add_metric([value_of_label], value)
    return family


class ReadingsCollector(Collector):
    """Asks every reader, and says which of them failed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        began = monotonic()
        database_is_up = can_reach_database()
        yield gauge(
            "credits_database_up", "Whether the process could reach the database.", float(database_is_up)
        )
        up: list[tuple[str, float]] = []
        for name, reader in sorted(_readers.items(), key=lambda item: item[1].may_wait):
            families: list[GaugeMetricFamily] | None = None
            if (database_is_up or not reader.uses_database) and monotonic() - began < LONGEST_S:
                families = _ask(name, reader)
            up.append((name, float(families is not None)))
            yield from families or ()
        yield labelled("credits_reading_up", "Whether these gauges could be read.", "reading", up)
        yield gauge(
            "credits_readings_duration_seconds", "How long reading all gauges took.", monotonic() - began
        )


def can_reach_database(alias: str = "default") -> bool:
    """Return whether the database answers a query."""
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    except DATABASE_AWAY:
        return False
    return True


def _ask(name: str, reader: Registered) -> list[GaugeMetricFamily] | None:
    try:
        if not reader.uses_database:
            return list(reader.read())
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return list(reader.read())
    except Exception as error:  # noqa: BLE001 - said in the log and in credits_reading_up; the others are served
        logger.warning("reading_failed", reading=name, error=type(error).__name__)
        return None
