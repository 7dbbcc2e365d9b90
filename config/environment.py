"""Read settings from the environment."""

from __future__ import annotations

import re
from decimal import Decimal
from math import inf, nan
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from core.amounts.parsing import NotAnAmount, parse_amount
from core.client_address import parse_network
from core.database.replica.settings import replica_settings

REDIS = "django.core.cache.backends.redis.RedisCache"
FAILSAFE_REDIS = "core.failsafe_cache.FailsafeRedisCache"
IN_MEMORY = "django.core.cache.backends.locmem.LocMemCache"
NO_CACHE = "django.core.cache.backends.dummy.DummyCache"
# Where requests are counted: `accounts.limits.counters.STORES`.
COUNT_STORES = {NO_CACHE: "postgresql", FAILSAFE_REDIS: "redis", IN_MEMORY: "memory"}
CACHE_SCHEMES = ("redis://", "rediss://", "locmemcache://")
RATE = re.compile(r"(?P<count>\d+)/(?P<unit>[smhd])[a-z]*")
HIGHEST_PORT = 65535
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Environment(Env):  # type: ignore[misc]  # environ is untyped
    @classmethod
    def cache_url_config(cls, url: Any, backend: str | None = None) -> dict[str, Any]:
        """Return the cache of a URL. Redis, the only one reached over the network here, gets the failsafe backend."""
        config: dict[str, Any] = super().cache_url_config(url, backend)
        if config.get("BACKEND") == REDIS:
            config["BACKEND"] = FAILSAFE_REDIS
        return config

    def shared_cache(self, name: str) -> tuple[dict[str, dict[str, Any]], str]:
        """Read a cache's URL as Django's CACHES, and where requests are counted. Raises ImproperlyConfigured, naming
        the variable.
        """
        url = self.str(name, default="")
        config = self.cache_url_config(url) if url.startswith(CACHE_SCHEMES) else {"BACKEND": NO_CACHE}
        if url and config["BACKEND"] == NO_CACHE:
            raise ImproperlyConfigured(
                f"{name} must begin with redis:// or rediss://, or be empty for PostgreSQL."
            )
        return {"default": config}, COUNT_STORES[config["BACKEND"]]

    def amount(self, name: str, default: str) -> Decimal:
        """Read an amount. Raises ImproperlyConfigured, which names the variable."""
        try:
            return parse_amount(self.str(name, default=default))
        except NotAnAmount as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from error

    def positive(self, name: str, default: float) -> float:
        """Read a number above 0. Raises ImproperlyConfigured, which names the variable."""
        text = self.str(name, default=str(default))
        try:
            number = float(text)
        except ValueError:
            number = nan
        if not 0 < number < inf:
            raise ImproperlyConfigured(f"{name} is not a number above 0: {text}.")
        return number

    def replica(self, name: str, primary: dict[str, Any]) -> dict[str, Any] | None:
        """Read the URL of a replica, which is reached like ``primary`` otherwise; None if it isn't set.

        Raises:
            ImproperlyConfigured: it is no URL of a PostgreSQL database; names the variable.
        """
        url = self.str(name, default="")
        if not url:
            return None
        try:
            is_known = url.partition("://")[0] in self.POSTGRES_FAMILY
            found: dict[str, Any] = self.db_url_config(url) if is_known else {}
        except ValueError:  # a port that is no number
            found = {}
        if not found.get("NAME"):
            raise ImproperlyConfigured(
                f"{name} is not a URL such as postgresql://user:password@host:5432/credits."
            )
        return replica_settings(primary, found)

    def port(self, name: str) -> int:
        """Read a port; 0 if there is none. Raises ImproperlyConfigured, which names the variable."""
        text = self.str(name, default="") or "0"
        if not text.isascii() or not text.isdecimal() or int(text) > HIGHEST_PORT:
            raise ImproperlyConfigured(f"{name} is not a port: a number from 1 to {HIGHEST_PORT}.")
        return int(text)

    def rate(self, name: str, default: str) -> tuple[int, int]:
        """Read a rate such as ``60/min`` as a count and seconds. Raises ImproperlyConfigured, naming the variable."""
        found = RATE.fullmatch(self.str(name, default=default))
        if found is None:
            raise ImproperlyConfigured(f"{name} is not a rate such as 60/min; units are s, min, h and d.")
        return int(found["count"]), SECONDS[found["unit"]]

    def networks(self, name: str) -> tuple[str, ...]:
        """Read networks such as ``10.0.0.0/8`` and addresses. Raises ImproperlyConfigured, naming the variable."""
        listed: list[str] = [each.strip() for each in self.list(name, default=[])]
        for each in listed:
            try:
                parse_network(each)
            except ValueError as error:
                raise ImproperlyConfigured(f"{name}: {error}. Write networks such as 10.0.0.0/8.") from error
        return tuple(listed)
