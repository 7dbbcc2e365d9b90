"""Write the measured part of docs/benchmarks.md and its charts (`make bench WRITE=1`). The prose around it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.aims import Verdict
from bench.chart import Bar, draw_bars
from bench.contenders import CONTENDERS
from bench.load import HOT_4, MANY_4, Load, Pace
from bench.parts.http import CALLERS, SERVER_CALLERS
from bench.report import Line, aims_table, http_line, reads_table, spends_table
from bench.results import Results
from bench.tables import Row, as_markdown

DOCS = Path(__file__).resolve().parent.parent / "docs"
DOCUMENT = DOCS / "benchmarks.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"
PICTURES: dict[str, tuple[str, Sequence[Line], Load]] = {
    "bench-spend.svg": ("Spends per second", CONTENDERS, MANY_4),
    "bench-hot.svg": ("Spends per second", CONTENDERS, HOT_4),
    "bench-http.svg": ("Over HTTP", CALLERS, MANY_4),
}


@dataclass(frozen=True)
class Run:
    """One run of `make bench`, measured and judged. ``lines`` describe the machine."""

    results: Results
    pace: Pace
    verdicts: Sequence[Verdict]
    lines: Sequence[str]

    def tables(self) -> list[tuple[str, list[Row]]]:
        """Return the tables of the parts that ran, each with its heading."""
        groups: dict[str, Sequence[Line]] = {"Spends": CONTENDERS, "Over HTTP": CALLERS, **SERVER_CALLERS}
        found = [
            (f"{what}: {load.name}", spends_table(self.results, lines, load))
            for what, lines in groups.items()
            for load in self.results.loads()
        ]
        found.append(("As the ledger grows", reads_table(self.results, self.pace)))
        return [(heading, rows) for heading, rows in found if rows]


def write_document(run: Run) -> list[Path]:
    """Write the page, and the charts of what was measured. Returns their paths."""
    lines = [*run.lines, http_line(run.results, run.pace)]
    parts = ["## On what\n", *(f"- {line}" for line in lines if line)]
    for heading, rows in [("Aims", aims_table(run.verdicts)), *run.tables()]:
        parts += [f"\n## {heading}\n", as_markdown(rows)]
    before, rest = DOCUMENT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text("".join([before, BEGIN, "\n", "\n".join(parts), "\n\n", END, after]))
    return [DOCUMENT, *(DOCS / "images" / name for name in PICTURES if _draw(run.results, name))]


def _draw(results: Results, name: str) -> bool:
    title, lines, load = PICTURES[name]
    bars = []
    for line in lines:
        figure, ratio = results.figure(line.name, load), results.ratio(line.name, lines[0].name, load)
        if figure and ratio is not None:
            bars.append(Bar(line.title, figure.median, f"{figure.median:,.0f}/s   ×{ratio:.2f}", line.ours))
    if bars:
        (DOCS / "images" / name).write_text(draw_bars(f"{title}, {load.name}", bars))
    return bool(bars)
