"""Measure the spends of every contender under every load."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import psycopg

from bench import packages, production
from bench.cluster import Cluster
from bench.contenders import Contender, ledger
from bench.hosts import ContenderFailed, Host, Measurement
from bench.load import MANY, Load, Pace
from bench.pgbench import run_pgbench
from bench.results import Results
from bench.rounds import check_books, measure_in_turn, reason


@dataclass(frozen=True)
class Stand:
    """A funded database, its process, and the contenders that share both."""

    contenders: Sequence[Contender]
    url: str
    host: Host

    def measure(self, contender: Contender, cluster: Cluster, pace: Pace, load: Load) -> Measurement:
        if contender.script:
            return run_pgbench(cluster, contender.database, contender.script, load, pace)
        return self.host.measure(load, pace, contender.option, contender.size)


def measure_spends(cluster: Cluster, contenders: Sequence[Contender], pace: Pace, results: Results) -> None:
    """Fill ``results``. A contender that is missing or fails is recorded there, and the others go on."""
    results.absent.update({each.name: each.missing for each in contenders if each.missing})
    with ExitStack() as stack:
        stands = _prepare_all(cluster, [each for each in contenders if not each.missing], results, stack)
        by_name = {each.name: (stand, each) for stand in stands for each in stand.contenders}
        # In the order of the tables.
        measures = {
            each.name: partial(by_name[each.name][0].measure, each, cluster, pace)
            for each in contenders
            if each.name in by_name
        }
        measure_in_turn(measures, pace.loads, pace, results)
        for stand in stands:
            names = [each.name for each in stand.contenders]
            check_books(results, names, stand.url, stand.contenders[0].module.SPENT)


def _prepare_all(
    cluster: Cluster, contenders: Sequence[Contender], results: Results, stack: ExitStack
) -> list[Stand]:
    others = packages.others_python() if any(each.own_packages for each in contenders) else ""
    groups = defaultdict(list)
    for each in contenders:
        groups[each.database].append(each)
    print("Creating and funding accounts ...", flush=True)
    with ThreadPoolExecutor(2) as pool:
        jobs = [(group, pool.submit(_prepare, cluster, group, others, stack)) for group in groups.values()]
    stands = []
    for group, job in jobs:
        try:
            stands.append(job.result())
        except ContenderFailed as error:
            results.absent.update({each.name: reason(error) for each in group})
    return stands


def _prepare(cluster: Cluster, group: Sequence[Contender], others: str, stack: ExitStack) -> Stand:
    first = group[0]
    if first.module is ledger:
        url = production.ledger_database(cluster, first.database)
        if first.change:
            with psycopg.connect(url) as connection:
                connection.execute(first.change.encode())
        return Stand(group, url, stack.enter_context(production.host(ledger.__name__, url)))
    url = cluster.create_database(first.database)
    python = others if first.own_packages else sys.executable
    host = stack.enter_context(Host(first.module.__name__, url, python))
    host.call("prepare", url, MANY)
    return Stand(group, url, host)
