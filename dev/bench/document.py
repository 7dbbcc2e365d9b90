"""docs/benchmarks.md and its pictures, written from one run: `make bench WRITE=1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bench.aims import Verdict
from dev.bench.chart import Bar, draw_bars
from dev.bench.contenders import CONTENDERS, Contender
from dev.bench.http_part import HTTP_CONTENDERS
from dev.bench.load import HOT_4, MANY_4, Load, Pace
from dev.bench.reads_part import ONE_CLIENT
from dev.bench.report import aims_table, as_markdown, http_line, reads_table, spends_table
from dev.bench.results import Results

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
INTRODUCTION = """# Benchmarks

`make bench` measures all of this in one run on one machine and one PostgreSQL, and `make bench WRITE=1` writes this
page. Read the ratios: the operations per second are this machine's. `make bench QUICK=1` takes two minutes;
`make bench ARGS="--only http"` runs a part, `ARGS="--where"` says where the time of one spend goes.
"""
GROWTH = """All entries are one account's. A page's cursor is an entry's version. Ten thousand entries have no
thousandth page: their last full one stands for it.
"""
FAIRNESS = """## What was done to be fair

- Every contender has a database of its own on the same server, ten thousand funded accounts, and the same durability.
  Its books are counted afterwards: they have every spend that was counted here, and no other.
- **The least statement** is no ledger: no key, no lots, no history of the balance. It is what PostgreSQL can do.
- **The plain way in Django** keeps one balance and one entry. It has no keys, so a retry pays twice.
- **django-hordak** has no rule against an overdraft. The row lock and `get_simple_balance` before its
  `transfer_to` are what it has to build one of. A balance is the sum of the account's legs.
- **django-oscar-accounts** takes no lock: two spends at once may both pass its check. Its releases say nothing of
  Django 5.2, where a transfer works and saving a new account doesn't; accounts are made in bulk here.
  It updates both sides and sums up all transactions of both, so its spends go to a thousand accounts.
- **pgledger** is one SQL file, which isn't ours to hand on: `PGLEDGER_SQL` says where it is. It locks both sides of a
  transfer: with one account that receives all spends they queue there, with a thousand they don't.
- **DRF's empty view** runs in the same server with the same settings and middleware, and answers nothing to a GET.
"""


@dataclass(frozen=True)
class Run:
    """One run of `make bench`, measured and judged. ``lines`` say on what."""

    results: Results
    pace: Pace
    verdicts: Sequence[Verdict]
    lines: Sequence[str]


def write_document(run: Run) -> list[Path]:
    """Writes the page and its pictures; gives their paths."""
    pictures = _write_pictures(run)
    DOCUMENT.write_text(_page(run, [path.name for path in pictures]))
    return [DOCUMENT, *pictures]


def _page(run: Run, pictures: Sequence[str]) -> str:
    parts = [INTRODUCTION, *(f"![{_alt(name)}](images/{name})\n" for name in pictures)]
    parts += ["## On what\n", "\n".join(f"- {line}" for line in run.lines) + "\n"]
    parts += ["## Aims\n", as_markdown(aims_table(run.verdicts)) + "\n"]
    for load in run.results.loads():
        if load != ONE_CLIENT or run.results.figure("pgbench", load):
            parts += _spends(run, load)
    if run.results.generator_shares:
        parts += ["## Over HTTP\n", http_line(run.results) + "\n"]
        parts += [part for load in run.results.loads() for part in _http(run, load)]
    if any("@" in name for name, _ in run.results.rates):
        parts += ["## As the ledger grows\n", as_markdown(reads_table(run.results, run.pace)) + "\n"]
        parts += [GROWTH]
    return "\n".join([*parts, FAIRNESS])


def _spends(run: Run, load: Load) -> list[str]:
    rows = spends_table(run.results, CONTENDERS, load, "pgbench")
    return [f"## Spends: {load.name}\n", as_markdown(rows) + "\n"] if len(rows) > 1 else []


def _http(run: Run, load: Load) -> list[str]:
    if not run.results.figure("http-empty", load):
        return []
    rows = spends_table(run.results, HTTP_CONTENDERS, load, "http-empty")
    return [f"**{load.name}**\n", as_markdown(rows) + "\n"]


def _write_pictures(run: Run) -> list[Path]:
    wanted = {
        "bench-spend.svg": (f"Spends per second, {MANY_4.name}", CONTENDERS, MANY_4, "pgbench"),
        "bench-hot.svg": (f"Spends per second, {HOT_4.name}", CONTENDERS, HOT_4, "pgbench"),
        "bench-http.svg": (f"Over HTTP, {MANY_4.name}", HTTP_CONTENDERS, MANY_4, "http-empty"),
    }
    written = []
    for name, (title, contenders, load, yardstick) in wanted.items():
        bars = _bars(run.results, contenders, load, yardstick)
        if bars:
            (IMAGES / name).write_text(draw_bars(title, bars))
            written.append(IMAGES / name)
    return written


def _bars(results: Results, contenders: Sequence[Contender], load: Load, yardstick: str) -> list[Bar]:
    bars = []
    for contender in contenders:
        figure, ratio = results.figure(contender.name, load), results.ratio(contender.name, yardstick, load)
        if figure and ratio is not None:
            note = f"{figure.median:,.0f}/s   ×{ratio:.2f}"
            bars.append(Bar(contender.title, figure.median, note, contender.ours))
    return bars


def _alt(name: str) -> str:
    return {
        "bench-spend.svg": "Spends per second over ten thousand accounts",
        "bench-hot.svg": "Spends per second on one hot account",
        "bench-http.svg": "Spends per second over HTTP",
    }[name]
