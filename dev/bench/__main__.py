"""`make bench`. Ends with 0 whatever it measures: a slow machine is no failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from dev.bench import http_part, ledger_part, reads_part, reconcile_part, site
from dev.bench.aims import AIMS, judge
from dev.bench.cluster import AlreadyRunning, busy_share, measured_fsync_us, scratch_cluster
from dev.bench.contenders import CONTENDERS, Contender
from dev.bench.document import Run, write_document
from dev.bench.hosts import ContenderFailed
from dev.bench.load import FULL, QUICK, Pace
from dev.bench.progress import Progress
from dev.bench.report import aims_table, as_text, http_line, machine_lines, reads_table, spends_table
from dev.bench.results import Results
from dev.bench.servers import say_servers
from dev.bench.where import say_where

# Above this share of the processors in others' hands nothing is written into the documents.
BUSY = 0.25
LEDGER_PARTS = ("ledger", "http", "reads")


def main() -> int:
    options = _options()
    pace = QUICK if options.quick else FULL
    if options.where:
        with scratch_cluster() as cluster:
            say_where(cluster, pace)
        return 0
    if options.servers:
        with scratch_cluster() as cluster:
            say_servers(cluster, pace)
        return 0
    parts = options.only or ([*LEDGER_PARTS] if options.quick else [*LEDGER_PARTS, "site"])
    contenders = _chosen(options.contenders, options.quick)
    if set(parts) & set(LEDGER_PARTS):
        if options.write and (busy := busy_share()) > BUSY:
            print(
                f"Others keep {busy:.0%} of the processors busy, and what is written here is to last. Wait for them."
            )
            return 1
        run = measure(parts, contenders, pace)
        _show(run, contenders)
        if options.write:
            print("\nWritten: " + ", ".join(path.name for path in write_document(run)))
    if "reconcile" in parts:
        _show_reconciliation(pace)
    if "site" in parts:
        site.main(pace.site_rounds)
    return 0


def measure(parts: Sequence[str], contenders: Sequence[Contender], pace: Pace) -> Run:
    """All chosen parts on one scratch server, which is gone afterwards."""
    planned = {
        "ledger": ledger_part.planned_s(contenders, pace),
        "http": http_part.planned_s(pace),
        "reads": reads_part.planned_s(pace),
    }
    progress = Progress(sum(planned[part] for part in parts if part in planned))
    results = Results()
    with scratch_cluster() as cluster:
        lines = machine_lines(cluster.settings(), measured_fsync_us(cluster), busy_share(), pace)
        print("\n".join(lines), flush=True)
        steps: dict[str, Callable[[], None]] = {
            "ledger": lambda: ledger_part.measure_spends(cluster, contenders, pace, progress, results),
            "http": lambda: http_part.measure_http(cluster, pace, progress, results),
            "reads": lambda: reads_part.measure_reads(cluster, pace, progress, results),
        }
        for part in (name for name in LEDGER_PARTS if name in parts):
            try:
                steps[part]()
            except ContenderFailed as error:
                print(f"\nThe part {part} failed: {error}", file=sys.stderr, flush=True)
    progress.finish()
    return Run(results, pace, judge(results, (*AIMS, *reads_part.read_aims(pace))), lines)


def _show_reconciliation(pace: Pace) -> None:
    progress = Progress(reconcile_part.planned_s(pace))
    with scratch_cluster() as cluster:
        shown = reconcile_part.measure_reconciliation(cluster, pace, progress)
    progress.finish()
    print(f"\n{shown}")


def _show(run: Run, contenders: Sequence[Contender]) -> None:
    for load in run.results.loads():
        for group, yardstick in ((contenders, "pgbench"), (http_part.HTTP_CONTENDERS, "http-empty")):
            rows = spends_table(run.results, group, load, yardstick)
            if any(row[3] for row in rows[1:]):
                print(f"\n{load.name}\n{as_text(rows)}")
    if run.results.generator_shares:
        print(f"\n{http_line(run.results)}")
    if any("@" in name for name, _ in run.results.rates):
        print(f"\n{as_text(reads_table(run.results, run.pace))}")
    if run.verdicts:
        print(f"\n{as_text(aims_table(run.verdicts))}")


def _chosen(names: str, quick: bool) -> list[Contender]:
    if names:
        return [contender for contender in CONTENDERS if contender.name in names.split(",")]
    return [contender for contender in CONTENDERS if contender.quick or not quick]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: 4 clients, what the aims need")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its pictures")
    parser.add_argument(
        "--where", action="store_true", help="where the time of one spend goes, and nothing else"
    )
    parser.add_argument(
        "--servers", action="store_true", help="a spend over HTTP on other servers, and nothing else"
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*LEDGER_PARTS, "site", "reconcile"], help="these parts instead of all"
    )
    names = ", ".join(contender.name for contender in CONTENDERS)
    parser.add_argument("--contenders", default="", help=f"of the ledger's part, with commas: {names}")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AlreadyRunning as error:
        sys.exit(str(error))
