"""Parse numbers in requests to DRF's views as written, with `parse_amount`, never through a float."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.utils import json

from core.amounts.parsing import NotAnAmount, parse_amount
from core.json_depth import check_depth


class WrittenFloat(float):
    """A JSON number with a point or an exponent, as a float and as it was written."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        number = super().__new__(cls, written)
        number.written = written
        return number


class WrittenNumbersParser(JSONParser):
    """DRF's parser, which also keeps numbers as written and refuses deep nesting."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        body = stream.read()
        try:
            check_depth(body)
            return json.loads(body.decode(encoding), parse_float=WrittenFloat)
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error


class AmountField(serializers.DecimalField):  # noqa: TID251  # this is what the others are banned for
    default_error_messages = {"invalid": "Send it in plain digits, as a string or a number, such as 2.5."}

    def to_internal_value(self, data: Any) -> Decimal:
        return super().to_internal_value(_plain_number(self, data))


class WholeNumberField(serializers.IntegerField):
    default_error_messages = {"invalid": "Send a whole number in plain digits, such as 25."}

    def to_internal_value(self, data: Any) -> int:
        return super().to_internal_value(_plain_number(self, data))


def _plain_number(field: serializers.Field[Any, Any, Any, Any], data: Any) -> str:
    """Return the number in plain digits. Raises ValidationError if it is none."""
    written = data.written if isinstance(data, WrittenFloat) else data
    is_number = isinstance(written, str | int) and not isinstance(written, bool)
    try:
        return f"{parse_amount(str(written) if is_number else '', signed=True):f}"
    except NotAnAmount:
        raise serializers.ValidationError(field.error_messages["invalid"], code="invalid") from None
