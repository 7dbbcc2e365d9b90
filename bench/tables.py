"""Write tables for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence

Row = Sequence[str]


def as_text(rows: Sequence[Row]) -> str:
    """Align columns for a terminal: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[1] = max(len(row[1]) for row in rows if row[2])  # a reason for a missing figure may be long
    lines = (
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in rows
    )
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def as_markdown(rows: Sequence[Row]) -> str:
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])
