"""The results as tables: on the terminal as they are, in docs/benchmarks.md as Markdown."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from dev.bench.aims import Verdict
from dev.bench.contenders import Contender
from dev.bench.load import Load, Pace
from dev.bench.reads_part import ONE_CLIENT, READS, name_of
from dev.bench.results import Results
from dev.bench.server import THREADS, WORKERS

Row = Sequence[str]


def machine_lines(settings: dict[str, str], fsync_us: float, busy: float, pace: Pace) -> list[str]:
    """What it ran on, how durable it was, and how it was measured."""
    durability = ", ".join(
        f"{name}={settings[name]}" for name in ("fsync", "synchronous_commit", "full_page_writes")
    )
    sizes = ", ".join(f"{name}={settings[name]}" for name in ("shared_buffers", "max_wal_size", "autovacuum"))
    return [
        f"PostgreSQL {settings['server_version']} on {os.cpu_count()} cores that the load generators share with it."
        f" Others kept {busy:.0%} of them busy before it began.",
        f"Durable: {durability}; one {settings['wal_sync_method']} takes {fsync_us:.0f} µs here.",
        f"Else: {sizes}.",
        f"Each figure is the median of {pace.rounds} windows of {pace.window_s} s, {pace.rounds_of_aims} where an aim"
        " is judged, everybody in turn; a ratio is the median of the rounds' own.",
        "A client is a process with one connection. pgbench is its own load generator, with prepared statements.",
    ]


def http_line(results: Results) -> str:
    share = statistics.median(results.generator_shares)
    return (
        f"granian with {WORKERS} processes of {THREADS} threads, as in the image. The load generator, a raw kept"
        f" connection per client, took {share:.0%} of the processors."
    )


def spends_table(results: Results, contenders: Sequence[Contender], load: Load, yardstick: str) -> list[Row]:
    """One row per contender: name, median, spread, ratio to the yardstick; or why there is no figure."""
    rows: list[Row] = [("", "ops/s", "spread", "ratio")]
    for contender in contenders:
        if contender.name in results.absent:
            rows.append((contender.title, results.absent[contender.name], "", ""))
            continue
        figure = results.figure(contender.name, load)
        if figure:
            ratio = results.ratio(contender.name, yardstick, load)
            rows.append((contender.title, _number(figure.median), f"±{figure.spread / 2:.0%}", _ratio(ratio)))
    return rows


def reads_table(results: Results, pace: Pace) -> list[Row]:
    """One row per read, one column per size, as operations per second; the last says how near they are."""
    rows: list[Row] = [
        ("one client, ops/s", *(f"{size:,} entries" for size in pace.sizes), "largest to smallest")
    ]
    for read, title in READS.items():
        names = [name_of(read, size) for size in pace.sizes]
        ratio = results.ratio(names[-1], names[0], ONE_CLIENT)
        rows.append((title, *(_read_cell(results, name) for name in names), _ratio(ratio)))
    return rows


def _read_cell(results: Results, name: str) -> str:
    figure = results.figure(name, ONE_CLIENT)
    return results.absent.get(name) or (_number(figure.median) if figure else "–")


def aims_table(verdicts: Sequence[Verdict]) -> list[Row]:
    words = {True: "kept", False: "NOT kept", None: "not measured"}
    rows: list[Row] = [("aim", "wanted", "measured", "")]
    rows += [(item.text, item.wanted, _ratio(item.measured), words[item.kept]) for item in verdicts]
    return rows


def as_text(rows: Sequence[Row]) -> str:
    """Columns for a terminal; the first to the left, the others to the right."""
    columns = max(len(row) for row in rows)
    widths = [max(len(row[column]) for row in rows if len(row) > column) for column in range(columns)]
    widths[1] = max(len(row[1]) for row in rows if row[2])
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=False)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row]) -> str:
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    lines = [head, rule, *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _ratio(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
