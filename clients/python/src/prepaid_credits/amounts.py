"""Amounts on their way into JSON and back: decimals digit by digit, and never a float."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Amount = Decimal | int | str
Quantity = Decimal | int | str
# As the API takes it. Decimal would also read 1e3, 1_000, spaces, and the digits of other scripts.
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def read_amount(value: Amount, name: str = "amount") -> Decimal:
    """The amount as a decimal.

    Raises:
        TypeError: a float, which isn't the number that was meant (0.1 + 0.2 is 0.30000000000000004), or no number.
        ValueError: a text that is no number in plain digits, or a decimal that isn't finite.
    """
    if isinstance(value, float):
        raise TypeError(f"{name} is the float {value!r}. Use a Decimal, an int or a string: Decimal('2.5').")
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"{name} must be a Decimal, an int or a string, not {type(value).__name__}.")
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        raise ValueError(f"{name} is no number in plain digits: {value!r}.")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{name} is not finite: {value!r}.")
    return number


def plain(value: Amount, name: str = "amount") -> str:
    """As the API takes it: every digit, no exponent."""
    return f"{read_amount(value, name):f}"


def plain_usage(usage: Mapping[str, Quantity]) -> dict[str, str]:
    """Quantities by unit, as the API takes them. Raises as `read_amount`."""
    return {unit: plain(quantity, f"usage[{unit!r}]") for unit, quantity in usage.items()}


def write_json(document: Mapping[str, Any]) -> bytes:
    """Decimals inside metadata become strings. NaN and infinity, which JSON has not, are refused by ValueError."""
    text = json.dumps(document, default=_decimal_text, allow_nan=False, ensure_ascii=False)
    return text.encode()


def read_json(text: str | bytes) -> Any:
    """Numbers with a fraction become decimals. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def _decimal_text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} can't be written as JSON.")
