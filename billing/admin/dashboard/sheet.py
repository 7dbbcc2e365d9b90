"""Show a dashboard table and its chart, and write the same rows as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.admin.bar_chart import BarChart
from billing.admin.dashboard.cells import Cell, for_programs, is_number, shown
from core.csv_lines import csv_lines

ROW_WIDTH = 100


@dataclass(frozen=True)
class Row:
    """A horizontal bar; ``width`` is a percentage."""

    name: Any
    said: str
    width: str


@dataclass(frozen=True)
class Shown:
    """A cell as the page shows it."""

    text: Any
    is_number: bool


@dataclass(frozen=True)
class Sheet:
    """A table with one chart at most: columns (``chart``) or horizontal ``bars``. ``code`` names it in URLs and
    files, ``why`` defines its numbers, ``columns`` pair CSV names with titles, ``summary`` sums up the chart.
    """

    code: str
    title: Any
    why: Any
    columns: Sequence[tuple[str, Any]]
    rows: Sequence[Sequence[Cell]]
    empty: Any = ""
    chart: BarChart | None = None
    bars: Sequence[Row] = ()
    summary: str = ""

    @property
    def headers(self) -> list[Shown]:
        numeric = [is_number(cell) for cell in self.rows[0]] if self.rows else [False] * len(self.columns)
        return [Shown(title, number) for (_name, title), number in zip(self.columns, numeric, strict=True)]

    @property
    def shown_rows(self) -> list[list[Shown]]:
        return [[Shown(shown(cell), is_number(cell)) for cell in row] for row in self.rows]

    def csv(self) -> Iterator[str]:
        rows = ([for_programs(cell) for cell in row] for row in self.rows)
        return csv_lines([name for name, _title in self.columns], [rows])


def bars_of(named: Sequence[tuple[Any, Decimal, Any]]) -> list[Row]:
    """Return a bar for each name, number and label, scaled to the largest number."""
    most = max((number for _name, number, _said in named), default=Decimal(0)) or Decimal(1)
    return [
        Row(name, said, f"{max(number, Decimal(0)) / most * ROW_WIDTH:.2f}") for name, number, said in named
    ]
