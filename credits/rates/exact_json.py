"""Write decimals as JSON numbers digit by digit, never through a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from credits.formatting import plain


class ExactJSONRenderer(JSONRenderer):
    """Renders like DRF's, and numbers of an `ExactNumberField` with all their digits: 0.1, 1000000.000001."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, enc_hook=str)


@extend_schema_field(OpenApiTypes.DOUBLE)
class ExactNumberField(serializers.Field[Decimal, Any, msgspec.Raw, Any]):
    """A read-only JSON number with every digit of the decimal, rendered by `ExactJSONRenderer`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def to_representation(self, value: Decimal) -> msgspec.Raw:
        return msgspec.Raw(plain(value).encode())
