"""Show the results as tables, on the terminal and in docs/benchmarks.md."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from bench.aims import Verdict
from bench.contenders import Contender
from bench.load import Load, Pace
from bench.parts.http import CALLERS, THREADS, WORKERS, Caller
from bench.parts.reads import ONE_CLIENT, READS, name_of
from bench.results import Results
from bench.tables import Row

Line = Contender | Caller
BAR = 20  # how many blocks the fastest gets


def machine_lines(settings: dict[str, str], fsync_us: float, busy: float, pace: Pace) -> list[str]:
    """Say what it ran on, how durable it was, and how it was measured."""

    def of(*names: str) -> str:
        return ", ".join(f"{name}={settings[name]}" for name in names)

    return [
        f"PostgreSQL {settings['server_version']} on {os.cpu_count()} cores that the load generators share with it."
        f" Others kept {busy:.0%} of them busy before it began.",
        f"Durable: {of('fsync', 'synchronous_commit', 'full_page_writes')};"
        f" one {settings['wal_sync_method']} takes {fsync_us:.0f} µs here.",
        f"Else: {of('shared_buffers', 'max_wal_size', 'autovacuum')}.",
        f"Each figure is the median of {pace.rounds} windows of {pace.window_s} s, {pace.rounds_of_aims} where an aim"
        " is judged, everybody in turn; a ratio is the median of the rounds' own.",
        "A client is a process with one connection. pgbench is its own load generator, with prepared statements.",
    ]


def http_line(results: Results, pace: Pace) -> str:
    """Say how much of the machine the load generator took; empty if that part did not run."""
    seconds = [each.cpu_s for each in results.of(caller.name for caller in CALLERS)]
    if not seconds:
        return ""
    share = statistics.median(seconds) / pace.window_s / (os.cpu_count() or 1)
    return (
        f"granian with {WORKERS} processes of {THREADS} threads, as in the image. The load generator, a raw kept"
        f" connection per client, took {share:.0%} of the processors."
    )


def spends_table(results: Results, lines: Sequence[Line], load: Load) -> list[Row]:
    """Return title, median, spread, ratio to the first line and a bar, or why there is no figure.

    Empty without figures.
    """
    figures = {line.name: figure for line in lines if (figure := results.figure(line.name, load))}
    rows: list[Row] = []
    for line in lines:
        if line.name in results.absent:
            rows.append((line.title, results.absent[line.name], "", "", ""))
        elif figure := figures.get(line.name):
            ratio = _ratio(results.ratio(line.name, lines[0].name, load))
            bar = "█" * round(BAR * figure.median / max(each.median for each in figures.values()))
            rows.append(
                (line.title, f"{figure.median:,.0f}", f"±{figure.spread / 2:.0%}", ratio, f"{bar:░<{BAR}}")
            )
    return [("", "ops/s", "spread", "ratio", ""), *rows] if figures else []


def reads_table(results: Results, pace: Pace) -> list[Row]:
    """Return operations per second, one row per read, one column per size; the last column compares them."""

    def cell(name: str) -> str:
        figure = results.figure(name, ONE_CLIENT)
        return f"{figure.median:,.0f}" if figure else results.absent.get(name, "–")

    rows = [("one client, ops/s", *(f"{size:,} entries" for size in pace.sizes), "largest to smallest")]
    for read, title in READS.items():
        names = [name_of(read, size) for size in pace.sizes]
        if results.took_part(names[0]):
            ratio = _ratio(results.ratio(names[-1], names[0], ONE_CLIENT))
            rows.append((title, *map(cell, names), ratio))
    return list(rows) if len(rows) > 1 else []


def aims_table(verdicts: Sequence[Verdict]) -> list[Row]:
    words = {True: "kept", False: "NOT kept", None: "not measured"}
    return [
        ("aim", "wanted", "measured", ""),
        *(
            (each.aim.text, f"at least {each.aim.ratio:g}", _ratio(each.measured), words[each.kept])
            for each in verdicts
        ),
    ]


def _ratio(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
