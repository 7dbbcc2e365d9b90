"""Numbers in requests to DRF's views, read as they are written: by `parse_amount`, and never by way of a float."""

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
    """A JSON number with a point or an exponent, as the float that it always was and as it was written."""

    written: str

    def __new__(cls, written: str) -> WrittenFloat:
        number = super().__new__(cls, written)
        number.written = written
        return number


class WrittenNumbersParser(JSONParser):
    """DRF's, but numbers keep how they were written, and what is nested too deep is refused."""

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
    """Raises ValidationError where it is none."""
    written = data.written if isinstance(data, WrittenFloat) else data
    is_number = isinstance(written, str | int) and not isinstance(written, bool)
    try:
        return f"{parse_amount(str(written) if is_number else '', signed=True):f}"
    except NotAnAmount:
        raise serializers.ValidationError(field.error_messages["invalid"], code="invalid") from None
