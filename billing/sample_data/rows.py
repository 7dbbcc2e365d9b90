"""Collect rows as lines of COPY, and write them in chunks."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Sequence

from django.db import connection, models, transaction
from django.db.models import Field, Model

# Characters with a meaning in COPY's text format.
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
LINES_A_WRITE = 1000


class Rows:
    """Collects rows; `write` commits them past the triggers, then starts over."""

    def __init__(self) -> None:
        self.lines: dict[type[Model], list[str]] = defaultdict(list)
        self.columns: dict[type[Model], Sequence[str]] = {}
        self.fields: dict[type[Model], Sequence[str]] = {}

    def add(self, row: Model) -> None:
        """Add an unsaved instance; if a model's first row has no id, the database assigns that model's ids."""
        model = type(row)
        if model not in self.fields:
            given = [field for field in model._meta.concrete_fields if not _is_left_to_database(field, row)]
            self.columns[model] = [str(field.column) for field in given]
            self.fields[model] = [field.attname for field in given]
        self.lines[model].append(
            "\t".join([spelled(getattr(row, name)) for name in self.fields[model]]) + "\n"
        )

    def add_line(self, model: type[Model], columns: Sequence[str], line: str) -> None:
        """Add a row already formatted for COPY, for the largest table."""
        self.columns[model] = columns
        self.lines[model].append(line)

    def count(self, model: type[Model]) -> int:
        return len(self.lines[model])

    def write(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for model, lines in self.lines.items():
                columns = ", ".join(self.columns[model])
                with cursor.copy(f"COPY {model._meta.db_table} ({columns}) FROM STDIN") as copy:
                    for first in range(0, len(lines), LINES_A_WRITE):
                        copy.write("".join(lines[first : first + LINES_A_WRITE]))
            cursor.execute("SET LOCAL session_replication_role = origin")
        self.lines.clear()


def spelled(value: object) -> str:
    """Format a value for COPY."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(ESCAPED)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return json.dumps(value).translate(ESCAPED)
    return str(value)


def _is_left_to_database(field: Field[object, object], row: Model) -> bool:
    return isinstance(field, models.AutoField | models.BigAutoField) and row.pk is None
