"""Define the number and time fields of the purchase API."""

from __future__ import annotations

import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

CENT = Decimal("0.01")


@extend_schema_field(OpenApiTypes.DOUBLE)
class NumberField(serializers.Field[Decimal, Any, int | float, Any]):
    """A read-only JSON number with at most two decimals, rounded down so that it never exceeds what is there."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Decimal) -> int | float:
        shown = value.quantize(CENT, rounding=ROUND_DOWN)
        return int(shown) if shown == shown.to_integral_value() else float(shown)


class UtcTimeField(serializers.DateTimeField):
    """A read-only ISO 8601 time in UTC with a Z, whatever the site's TIME_ZONE."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, default_timezone=datetime.UTC, **kwargs)


class MoneyField(NumberField):
    """A `Money` in the currency's main unit: 45.00 as 45.0."""

    def to_representation(self, value: Any) -> float:
        return float(value.major)
