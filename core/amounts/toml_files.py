"""Numbers in TOML files, read as they are written: tomllib would take 1e3, 1_000, +1 and 0x10 for numbers as well."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.amounts.parsing import NotAnAmount, parse_amount


@dataclass(frozen=True)
class WrittenNumber:
    """A number with a point, an exponent or a word for one (inf), as it stands in the file."""

    text: str

    def __repr__(self) -> str:
        return self.text


def load_toml(text: str) -> dict[str, Any]:
    """As `tomllib.loads`, but every float stays a `WrittenNumber`. Raises tomllib.TOMLDecodeError."""
    return tomllib.loads(text, parse_float=WrittenNumber)


def read_number(value: object, line: str) -> Decimal:
    """The number of a key, in quotes or not. ``line`` is the file's, for tomllib doesn't say how a whole number was
    written.

    Raises:
        NotAnAmount: it is none in plain digits, with a minus at most.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return parse_amount(_written(line) or str(value), signed=True)
    if isinstance(value, WrittenNumber):
        return parse_amount(value.text, signed=True)
    if isinstance(value, str):
        return parse_amount(value, signed=True)
    raise NotAnAmount(f"{value!r} is not an amount")


def _written(line: str) -> str:
    """What stands behind the line's ``key =``; nothing where it has another form, such as a table in one line."""
    found = re.fullmatch(r"""\s*["']?[\w-]+["']?\s*=\s*([^\s#]+)\s*(#.*)?""", line)
    return found[1] if found else ""
