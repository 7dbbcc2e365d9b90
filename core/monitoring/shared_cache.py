"""Read whether Redis, where it counts the rate limits, answers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from django.conf import settings
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
    """Return whether Redis keeps what it is given; True where limits are counted elsewhere.

    The cache hides its failures, so that no request suffers.
    """
    if settings.COUNT_STORE != "redis":
        return True
    key, said = f"{KEY}:{uuid4().hex}", uuid4().hex
    cache.set(key, said, KEPT_S)
    kept: bool = cache.get(key) == said
    cache.delete(key)
    return kept


def _read_cache() -> Iterator[GaugeMetricFamily]:
    yield gauge(
        "credits_cache_up",
        "Whether Redis answers, where it is used; if not, each process counts rate limits alone.",
        cache_answers(),
    )


def _problem() -> str:
    return "" if cache_answers() else "it doesn't answer: each process counts rate limits alone"
