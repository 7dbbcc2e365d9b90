"""Read hand-written TOML files, reporting each mistake with its line.

Numbers are read as written: tomllib would also accept 1e3, 1_000, +1 and 0x10.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from core.amounts.parsing import NotAnAmount, parse_amount


@dataclass(frozen=True)
class WrittenNumber:
    """A number with a point, an exponent or a word (inf), as written in the file."""

    text: str

    def __repr__(self) -> str:
        return self.text


class TomlFile:
    """A file's ``data``, in which every float stays a `WrittenNumber`, and the mistakes found in it."""

    def __init__(self, path: Path, error: type[Exception]) -> None:
        """Read the file. ``error`` is raised for its mistakes, one to a line."""
        self.error = error
        self.name = str(path)
        self.mistakes: list[str] = []
        try:
            text = path.read_text(encoding="utf-8")
            self.data = tomllib.loads(text, parse_float=WrittenNumber)
        except OSError as failure:
            raise error(f"{path}: {failure.strerror or failure}") from failure
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
            raise error(f"{path}: not a TOML file: {failure}") from failure
        self.lines = text.splitlines()

    def note_mistake(self, line: int, reason: str) -> None:
        """Note a mistake and continue, so that all are found in one run."""
        self.mistakes.append(f"{self.name}, line {line}: {reason}")

    def raise_mistakes(self) -> None:
        """Raise the file's error if there are any mistakes."""
        if self.mistakes:
            raise self.error("\n".join(self.mistakes))

    def line_of(self, key: str, table: str = "", index: int = -1) -> int:
        """Return the line of a key in the ``index``-th [[table]]; without a key, the table's own; without a table, the
        key's in the file's head. tomllib gives no positions, so the text is searched.
        """
        inside, count, start = not table, -1, 1
        for number, line in enumerate(self.lines, start=1):
            header = re.match(r"\s*\[\[?\s*(\w+)\s*\]", line)
            if header:
                count += header[1] == table
                inside = header[1] == table and count == index
                start = number if inside else start
            in_place = inside or not table
            if in_place and key and re.match(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""", line):
                return number
        return start

    def read_number(self, value: object, line: int) -> Decimal:
        """Read the number of a key on this line, in quotes or not; tomllib doesn't say how an integer was written.

        Raises:
            NotAnAmount: not plain digits, with a minus at most.
        """
        if isinstance(value, int) and not isinstance(value, bool):
            return parse_amount(_written(self.lines[line - 1]) or str(value), signed=True)
        if isinstance(value, WrittenNumber | str):
            return parse_amount(str(value), signed=True)
        raise NotAnAmount(f"{value!r} is not an amount")


def _written(line: str) -> str:
    """Return what follows the line's ``key =``; empty if it has another form, such as an inline table."""
    found = re.fullmatch(r"""\s*["']?[\w-]+["']?\s*=\s*([^\s#]+)\s*(#.*)?""", line)
    return found[1] if found else ""
