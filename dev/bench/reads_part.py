"""Reading and spending as the ledger grows: one account that holds all entries, ten thousand to ten million of them."""

from __future__ import annotations

from dev.bench.aims import Aim
from dev.bench.cluster import Cluster
from dev.bench.environment import production_environment
from dev.bench.hosts import ContenderFailed, Host
from dev.bench.load import Load, Pace
from dev.bench.progress import Progress
from dev.bench.results import Results
from dev.bench.template import ledger_database

READER = "dev.bench.contenders.ledger_reads"
ONE_CLIENT = Load(1, 1)
# What is read, by the option that its worker takes.
READS = {
    "balance": "the balance",
    "statement 1": "the statement's first page",
    "statement 1000": "the statement's thousandth page",
    "entries 1": "the API's first page of entries",
    "entries 1000": "the API's thousandth page",
    "spend": "a spend from that account",
}
AROUND_S = 0.3
PREPARING_S = 3.0
FILLING_S_PER_MILLION = 14.0
# "Flat" and "within 1.5 times each other", as ratios of speeds.
FLAT = 0.8
NEAR = 0.67


def name_of(read: str, size: int) -> str:
    return f"{read}@{size}"


def planned_s(pace: Pace) -> float:
    each = pace.window_s + pace.warm_up_s + AROUND_S
    filling = sum(pace.sizes) / 1e6 * FILLING_S_PER_MILLION
    return filling + PREPARING_S * len(pace.sizes) + each * len(READS) * len(pace.sizes) * pace.rounds


def read_aims(pace: Pace) -> tuple[Aim, ...]:
    least, most = pace.sizes[0], pace.sizes[-1]
    at_most = f"at {most:,} entries"
    return (
        _aim(f"the balance {at_most} to that at {least:,}", ("balance", most), ("balance", least), FLAT),
        _aim(
            f"the statement's thousandth page to its first, {at_most}",
            ("statement 1000", most),
            ("statement 1", most),
            NEAR,
        ),
        _aim(
            f"the API's thousandth page to its first, {at_most}",
            ("entries 1000", most),
            ("entries 1", most),
            NEAR,
        ),
    )


def _aim(text: str, contender: tuple[str, int], yardstick: tuple[str, int], ratio: float) -> Aim:
    return Aim(text, name_of(*contender), name_of(*yardstick), ONE_CLIENT, ratio)


def measure_reads(cluster: Cluster, pace: Pace, progress: Progress, results: Results) -> None:
    """Fills ``results`` under the names of `name_of`."""
    hosts: dict[int, Host] = {}
    try:
        for size in pace.sizes:
            planned = PREPARING_S + size / 1e6 * FILLING_S_PER_MILLION
            progress.step(planned, f"writing {size:,} entries")
            url = ledger_database(cluster, f"bench_reads_{size}")
            hosts[size] = Host(READER, url, **production_environment(url))
            hosts[size].call("fill", url, size)
        for _ in range(pace.rounds):
            for read in READS:
                _one_round(hosts, read, pace, progress, results)
    finally:
        for host in hosts.values():
            host.stop()


def _one_round(hosts: dict[int, Host], read: str, pace: Pace, progress: Progress, results: Results) -> None:
    for size, host in hosts.items():
        progress.step(pace.window_s + pace.warm_up_s + AROUND_S, f"{READS[read]}: {size:,} entries")
        name = name_of(read, size)
        try:
            results.add(name, ONE_CLIENT, host.measure(ONE_CLIENT, pace, read).per_second)
        except ContenderFailed as error:
            results.absent[name] = f"failed: {str(error).strip().splitlines()[-1]}"
