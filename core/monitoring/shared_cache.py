"""Read whether the cache, in which rate limits are counted, answers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from django.core.cache import cache
from prometheus_client.core import GaugeMetricFamily

from core.monitoring.health import register_check
from core.monitoring.readings import gauge, register_reader

KEY = "monitoring:answers"
KEPT_S = 60


def register() -> None:
    """Have the cache asked at each scrape."""
    register_reader("cache", _read_cache, uses_database=False)
    register_check("cache", _problem)


def cache_answers() -> bool:
    """Return whether the cache keeps what it is given. It hides its failures, so that no request suffers."""
    key, said = f"{KEY}:{uuid4().hex}", uuid4().hex
    cache.set(key, said, KEPT_S)
    kept: bool = cache.get(key) == said
    cache.delete(key)
    return kept


def _read_cache() -> Iterator[GaugeMetricFamily]:
    yield gauge("credits_cache_up", "Whether the cache answers; if not, no limit applies.", cache_answers())


def _problem() -> str:
    return "" if cache_answers() else "it doesn't answer: rate limits are off"
