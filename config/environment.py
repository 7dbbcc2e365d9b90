"""Reads settings from the environment."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.written_amounts import NotAnAmount, parse_amount


class Environment(Env):  # type: ignore[misc]  # environ is untyped
    def amount(self, name: str, default: str) -> Decimal:
        """Raises ImproperlyConfigured, which names the variable."""
        try:
            return parse_amount(self.str(name, default=default))
        except NotAnAmount as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from error
