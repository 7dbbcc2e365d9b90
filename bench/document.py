"""Write the measured part of docs/benchmarks.md (`make bench WRITE=1`). The prose around it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.aims import Verdict
from bench.contenders import CONTENDERS
from bench.load import Pace
from bench.parts.http import CALLERS
from bench.report import Line, aims_table, http_line, reads_table, spends_table
from bench.results import Results
from bench.tables import Row, as_markdown

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Run:
    """One run of `make bench`, measured and judged. ``lines`` describe the machine."""

    results: Results
    pace: Pace
    verdicts: Sequence[Verdict]
    lines: Sequence[str]

    def tables(self) -> list[tuple[str, list[Row]]]:
        """Return the tables of the parts that ran, each with its heading."""
        groups: dict[str, Sequence[Line]] = {"Spends": CONTENDERS, "Over HTTP": CALLERS}
        found = [
            (f"{what}: {load.name}", spends_table(self.results, lines, load))
            for what, lines in groups.items()
            for load in self.results.loads()
        ]
        found.append(("As the ledger grows", reads_table(self.results, self.pace)))
        return [(heading, rows) for heading, rows in found if rows]


def write_document(run: Run) -> None:
    lines = [*run.lines, http_line(run.results, run.pace)]
    parts = ["## On what\n", *(f"- {line}" for line in lines if line)]
    for heading, rows in [("Aims", aims_table(run.verdicts)), *run.tables()]:
        parts += [f"\n## {heading}\n", as_markdown(rows)]
    before, rest = DOCUMENT.read_text().split(BEGIN)
    after = rest.split(END)[1]
    DOCUMENT.write_text("".join([before, BEGIN, "\n", "\n".join(parts), "\n\n", END, after]))
