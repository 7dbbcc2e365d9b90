"""Reads settings from the environment."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.written_amounts import NotAnAmount, parse_amount

REDIS = "django.core.cache.backends.redis.RedisCache"


class Environment(Env):  # type: ignore[misc]  # environ is untyped
    @classmethod
    def cache_url_config(cls, url: Any, backend: str | None = None) -> dict[str, Any]:
        """The cache of a URL. Redis, the only one that is asked over the network here, is asked in the failsafe way."""
        config: dict[str, Any] = super().cache_url_config(url, backend)
        if config.get("BACKEND") == REDIS:
            config["BACKEND"] = "config.failsafe_cache.FailsafeRedisCache"
        return config

    def amount(self, name: str, default: str) -> Decimal:
        """Raises ImproperlyConfigured, which names the variable."""
        try:
            return parse_amount(self.str(name, default=default))
        except NotAnAmount as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from error
