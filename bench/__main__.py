"""Run the benchmarks. Exits with 0 whatever it measures: a slow machine is not a failure."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import psutil

from bench import production
from bench.aims import AIMS, judge
from bench.cluster import AlreadyRunning, Cluster, scratch_cluster
from bench.contenders import CONTENDERS
from bench.document import DOCUMENT, Run, write_document
from bench.hosts import ContenderFailed
from bench.load import FULL, QUICK
from bench.parts import http, ledger, reads, reconcile, site
from bench.report import aims_table, http_line, machine_lines
from bench.results import Results
from bench.tables import as_text

# If others use more than this share of the processors, the figures are not worth keeping.
BUSY = 0.25
STANDARD = ("ledger", "http", "reads")


def main() -> int:
    options = _options()
    busy = psutil.cpu_percent(interval=2) / 100
    if options.write and busy > BUSY:
        print(
            f"Others keep {busy:.0%} of the processors busy, and what is written here is to last. Wait for them."
        )
        return 1
    with scratch_cluster() as cluster:
        run = measure(cluster, options, busy)
    for heading, rows in run.tables():
        print(f"\n{heading}\n{as_text(rows)}")
    if run.verdicts:
        print(f"\n{http_line(run.results, run.pace)}\n\n{as_text(aims_table(run.verdicts))}")
    if options.write:
        write_document(run)
        print(f"\nWritten: {DOCUMENT.name}")
    return 0


def measure(cluster: Cluster, options: argparse.Namespace, busy: float) -> Run:
    """Measure the chosen parts. One that fails is reported, and the others go on."""
    pace = QUICK if options.quick else FULL
    contenders = [each for each in CONTENDERS if each.quick or not options.quick]
    results = Results()
    steps: dict[str, Callable[[], None]] = {
        "ledger": lambda: ledger.measure_spends(cluster, contenders, pace, results),
        "http": lambda: http.measure_http(cluster, pace, results),
        "reads": lambda: reads.measure_reads(cluster, pace, results),
        "site": lambda: site.say_site(cluster, pace),
        "reconcile": lambda: reconcile.say_reconciliation(cluster, pace),
    }
    lines = machine_lines(cluster.settings(), cluster.fsync_us(), busy, pace)
    print("\n".join(lines), flush=True)
    parts = options.only or [*STANDARD, *([] if options.quick else ["site"])]
    if set(parts) - {"site", "reconcile"}:  # those two fill a database of their own
        production.make_template(cluster)
    for part in parts:
        try:
            steps[part]()
        except ContenderFailed as error:
            print(f"\nThe part {part} failed: {error}", file=sys.stderr, flush=True)
    return Run(results, pace, judge(results, (*AIMS, *reads.read_aims(pace))), lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: 4 clients, what the aims need")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parts = [*STANDARD, "site", "reconcile"]
    parser.add_argument("--only", nargs="+", choices=parts, help="these parts instead of all")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AlreadyRunning as error:
        sys.exit(str(error))
