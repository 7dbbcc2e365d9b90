"""Write amounts to JSON and read them back as exact decimals, never as floats."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Amount = Decimal | int | str
Quantity = Decimal | int | str
# As the API accepts it. Decimal would also read 1e3, 1_000, spaces, and the digits of other scripts.
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def read_amount(value: Amount, name: str = "amount") -> Decimal:
    """Return an amount as a decimal.

    Raises:
        TypeError: for a float, which is inexact (0.1 + 0.2 is 0.30000000000000004), and for any other type.
        ValueError: for a string that isn't a number in plain digits, and for a decimal that isn't finite.
    """
    if isinstance(value, float):
        raise TypeError(f"{name} is the float {value!r}. Use a Decimal, an int or a string: Decimal('2.5').")
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"{name} must be a Decimal, an int or a string, not {type(value).__name__}.")
    if isinstance(value, str) and not PLAIN.fullmatch(value):
        raise ValueError(f"{name} isn't a number in plain digits: {value!r}.")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"{name} isn't finite: {value!r}.")
    return number


def plain(value: Amount, name: str = "amount") -> str:
    """Return an amount as the API accepts it: all digits, no exponent."""
    return f"{read_amount(value, name):f}"


def plain_usage(usage: Mapping[str, Quantity]) -> dict[str, str]:
    """Return quantities by unit, as the API accepts them. Raises like `read_amount`."""
    return {unit: plain(quantity, f"usage[{unit!r}]") for unit, quantity in usage.items()}


def write_json(document: Mapping[str, Any]) -> bytes:
    """Encode a document; decimals in metadata become strings. Raises ValueError for NaN and infinity."""
    text = json.dumps(document, default=_decimal_text, allow_nan=False, ensure_ascii=False)
    return text.encode()


def read_json(text: str | bytes) -> Any:
    """Decode a document; numbers with a fraction become decimals. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def _decimal_text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"{type(value).__name__} can't be written as JSON.")
