"""Parse requests into typed values. No number on its way to the ledger passes through a float."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, QueryDict

from core.amounts.parsing import NotAnAmount, parse_amount
from core.errors import DomainError, InvalidRequest, RequestTooLarge, WrongField
from core.json_depth import NestedTooDeep, check_depth
from credits.amounts import positive_amount
from credits.api.errors import (
    IdempotencyKeyRequired,
    InvalidIdempotencyKey,
    ParseError,
    UnsupportedMediaType,
)
from credits.api.shapes import LONGEST_KEY
from credits.errors import InvalidAmount

Shape = TypeVar("Shape", bound=msgspec.Struct)

PLAIN_DIGITS = (
    'Send the amount in plain digits, as a string ("2.5") or a JSON number (2.5), without an exponent '
    "(1000, not 1e3)."
)
# How msgspec names the wrong part of the body.
PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
NAMED = re.compile(r"(?P<what>missing required|unknown) field `(?P<name>[^`]*)`")
LONGEST_ATTR = 200


def decoder_of(shape: type[Shape]) -> msgspec.json.Decoder[Shape]:
    return msgspec.json.Decoder(shape, float_hook=_exact_float)


def read_body(request: HttpRequest, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """Return the body in the decoder's shape.

    Raises:
        UnsupportedMediaType: it is not sent as JSON.
        RequestTooLarge: it is longer than DATA_UPLOAD_MAX_MEMORY_SIZE.
        ParseError: it is not JSON, or nested too deep.
        InvalidRequest: it is JSON of another shape.
    """
    body = _body(request)
    if request.content_type != "application/json" and body:
        raise UnsupportedMediaType("Send the body as application/json.")
    try:
        check_depth(body)
        return decoder.decode(body or b"{}")
    except msgspec.ValidationError as error:
        raise InvalidRequest(_wrong_field(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, NestedTooDeep):
        raise ParseError("The body is not valid JSON, or is nested too deeply.") from None


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise RequestTooLarge("The request body is too large.") from None


def read_key(request: HttpRequest) -> str:
    """Return the header ``Idempotency-Key``, which every write needs."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise IdempotencyKeyRequired("An Idempotency-Key header is required.")
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise InvalidIdempotencyKey(
            f"An Idempotency-Key can have at most {LONGEST_KEY} printable ASCII characters."
        )
    return key


def read_amount(raw: msgspec.Raw, attr: str) -> Decimal:
    """Read an amount of credits from a JSON string or number, digit by digit.

    Raises:
        InvalidRequest: it is neither, or not an amount: see `positive_amount`.
    """
    try:
        return positive_amount(read_number(raw, attr))
    except InvalidAmount as error:
        raise wrong(attr, error.code, error.message) from None


def read_number(raw: msgspec.Raw, attr: str) -> Decimal:
    """Read a number written in digits, quoted or not. Raises InvalidRequest."""
    text = bytes(raw).decode(errors="replace")
    try:
        return parse_amount(text[1:-1] if text[0] == '"' else text, signed=True)
    except NotAnAmount:
        raise wrong(attr, "invalid_amount", PLAIN_DIGITS) from None


def read_quantities(usage: Mapping[str, msgspec.Raw]) -> dict[str, Decimal]:
    """Read the quantities of a usage; `price_usage` decides which of them are valid."""
    return {unit: read_number(raw, f"usage.{unit}"[:LONGEST_ATTR]) for unit, raw in usage.items()}


def read_id(text: str, unknown: type[DomainError]) -> UUID:
    """Read the id in a URL. Raises ``unknown`` if it can't be an id."""
    try:
        return UUID(text)
    except ValueError:
        raise unknown("Nothing has this ID.") from None


def read_query(query: QueryDict, shape: type[Shape]) -> Shape:
    """Read the query string into a shape of texts and whole numbers. Raises InvalidRequest."""
    given: dict[str, Any] = query.dict()
    try:
        return msgspec.convert(given, shape, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_wrong_field(str(error))) from None


def wrong(attr: str, code: str, detail: str) -> InvalidRequest:
    return InvalidRequest(WrongField(attr, code, detail))


def _exact_float(text: str) -> float:
    """Read a number inside metadata; refuse one that a float can't hold exactly."""
    number = float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError("This number has more digits than JSON parsers keep; send it as a string")
    return number


def _wrong_field(message: str) -> WrongField:
    place = PLACE.search(message)
    detail = message[: place.start()] if place else message
    parts = re.findall(r"[^.\[\]]+", place["path"]) if place else []
    named = NAMED.search(detail)
    code = "invalid"
    if named:
        parts.append(named["name"])
        required = named["what"] == "missing required"
        code = "required" if required else "unknown_field"
        detail = "This field is required" if required else "Unknown field"
    attr = ".".join(part for part in parts if part != "...")
    return WrongField(attr[:LONGEST_ATTR] or "body", code, f"{detail}.")
