"""Write decimals as JSON numbers digit by digit, never through a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from credits.formatting import plain


class ExactJSONRenderer(JSONRenderer):
    """Renders like DRF's, but a `Decimal` becomes a number with all its digits: 0.1, 1000000.000001."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return b"" if data is None else _written(data).encode()


@extend_schema_field(OpenApiTypes.DOUBLE)
class ExactNumberField(serializers.Field[Decimal, Any, Decimal, Any]):
    """A read-only JSON number with every digit of the decimal, rendered by `ExactJSONRenderer`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Decimal) -> Decimal:
        return value


def _written(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{_written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, default=str)
