"""Provide Redis as Django's cache, treated as empty while its server is away.

The cache mostly counts requests, for limits that protect the site and don't affect its books, so its content may be
lost at any time. Nobody is refused or delayed because it is away: a call without an answer within `PATIENCE_S`
continues without one, and the next ones don't ask (`core.breaker`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.breaker import Breaker

PATIENCE_S = 0.1


@cache
def breaker_of(servers: tuple[str, ...]) -> Breaker:
    """Return one breaker per process: Django creates a cache for each thread."""
    return Breaker("cache", RedisError, OSError)


def failsafe(name: str, instead: Callable[..., Any]) -> Any:
    """Return the method of this name; while the server is away, it returns ``instead`` of its arguments."""
    method = getattr(RedisCacheClient, name)

    def asked(client: FailsafeClient, *arguments: Any) -> Any:
        return client.breaker.ask(lambda: method(client, *arguments), instead(*arguments))

    return asked


class FailsafeClient(RedisCacheClient):
    def __init__(self, servers: list[str], **options: Any) -> None:
        patience = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
        super().__init__(servers, **{**patience, "retry": Retry(NoBackoff(), 0), **options})
        self.breaker = breaker_of(tuple(servers))

    add = failsafe("add", lambda key, value, timeout: True)
    get = failsafe("get", lambda key, default: default)
    set = failsafe("set", lambda key, value, timeout: None)
    touch = failsafe("touch", lambda key, timeout: False)
    delete = failsafe("delete", lambda key: False)
    get_many = failsafe("get_many", lambda keys: {})
    has_key = failsafe("has_key", lambda key: False)
    incr = failsafe("incr", lambda key, delta: delta)  # each is the first
    set_many = failsafe("set_many", lambda data, timeout: None)
    delete_many = failsafe("delete_many", lambda keys: None)
    clear = failsafe("clear", lambda: False)

    def count_up(self, counts: Sequence[tuple[str, int, int]]) -> list[int] | None:
        """Add to many counters at once: each one's key, what to add, and when to forget it, in Unix time. Return the
        sums in that order; None while the server is away.
        """
        return self.breaker.ask(lambda: self._count_up(counts), None)

    def _count_up(self, counts: Sequence[tuple[str, int, int]]) -> list[int]:
        pipeline = self.get_client(write=True).pipeline(transaction=False)
        for key, number, forget_at in counts:
            pipeline.incrby(key, number)
            pipeline.expireat(key, forget_at)
        return [int(sum_) for sum_ in pipeline.execute()[::2]]


class FailsafeRedisCache(RedisCache):
    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = FailsafeClient

    def count_up(self, counts: Sequence[tuple[str, int, int]]) -> list[int] | None:
        """Add to many counters at once, as `FailsafeClient.count_up`."""
        return self._client.count_up([(self.make_key(key), number, until) for key, number, until in counts])

    @property
    def is_away(self) -> bool:
        """Return whether the server gave no answer the last time."""
        return self._client.breaker.is_away

    @property
    def _client(self) -> FailsafeClient:
        return cast(FailsafeClient, self._cache)
