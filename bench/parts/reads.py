"""Measure reads and spends as the ledger grows: one account with all entries, ten thousand to ten million."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from bench import production
from bench.aims import Aim
from bench.cluster import Cluster
from bench.contenders import reads
from bench.load import Load, Pace
from bench.results import Results
from bench.rounds import measure_in_turn

ONE_CLIENT = Load(1, 1)
# Titles, by the option that the worker takes.
READS = {
    "balance": "the balance",
    "statement 1": "the statement's first page",
    "statement 1000": "the statement's thousandth page",
    "entries 1": "the API's first page of entries",
    "entries 1000": "the API's thousandth page",
    "spend": "a spend from that account",
}
# "Flat" and "within 1.5 times of each other", as ratios of speeds.
FLAT, NEAR = 0.8, 0.67


def name_of(read: str, size: int) -> str:
    return f"{read}@{size}"


def read_aims(pace: Pace) -> tuple[Aim, ...]:
    least, most = pace.sizes[0], pace.sizes[-1]
    balance = f"the balance at {most:,} entries to that at {least:,}"
    pages = {"statement": "the statement's", "entries": "the API's"}
    return (
        Aim(balance, name_of("balance", most), name_of("balance", least), FLAT, ONE_CLIENT),
        *(
            Aim(
                f"{whose} thousandth page to its first, at {most:,} entries",
                name_of(f"{read} 1000", most),
                name_of(f"{read} 1", most),
                NEAR,
                ONE_CLIENT,
            )
            for read, whose in pages.items()
        ),
    )


def measure_reads(cluster: Cluster, pace: Pace, results: Results) -> None:
    """Fill ``results`` under the names of `name_of`."""
    hosts = {}
    with ExitStack() as stack:
        for size in pace.sizes:
            print(f"Writing {size:,} entries ...", flush=True)
            url = production.ledger_database(cluster, f"bench_reads_{size}")
            hosts[size] = stack.enter_context(production.host(reads.__name__, url))
            hosts[size].call("fill", url, size)
        measures = {
            name_of(read, size): partial(host.measure, pace=pace, option=read)
            for read in READS
            for size, host in hosts.items()
        }
        measure_in_turn(measures, [ONE_CLIENT], pace, results)
