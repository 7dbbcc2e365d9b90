"""The spends: every contender under every load, round by round, so that a slow moment of the machine falls on all."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from dev.bench import packages
from dev.bench.cluster import Cluster
from dev.bench.contenders import Contender, missing
from dev.bench.environment import production_environment
from dev.bench.hosts import ContenderFailed, Host, Measurement
from dev.bench.load import MANY, Load, Pace
from dev.bench.pgbench import run_pgbench
from dev.bench.progress import Progress
from dev.bench.results import Results
from dev.bench.template import ledger_database

# What forking, connecting and reporting take around a window.
AROUND_S = 0.25
PREPARING_S = 35.0
# Modules whose database is a copy of the template.
COPIES = ("ledger", "unchained")


@dataclass
class Field:
    """The contenders that are ready, each module's process, and how many spends each module has been told of."""

    cluster: Cluster
    hosts: dict[str, Host] = field(default_factory=dict)
    finished: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def measure(self, contender: Contender, load: Load, pace: Pace) -> Measurement:
        if contender.runner == "pgbench":
            script = str(importlib.import_module(contender.import_path).script(contender.option))
            measured = run_pgbench(self.cluster, contender.database, script, load, pace)
        else:
            measured = self.hosts[contender.module].measure(load, pace, contender.option)
        self.finished[contender.module] += measured.finished
        return measured

    def check_books(self) -> None:
        """Every spend that was counted stands in its ledger's books: a contender that skips work would win.

        Raises:
            ContenderFailed: the books have another number of spends.
        """
        for module, host in self.hosts.items():
            booked = host.call("spent", self.cluster.url(f"bench_{module}"))
            if booked != self.finished[module]:
                raise ContenderFailed(f"{module} counted {self.finished[module]} spends and booked {booked}.")


def planned_s(contenders: Sequence[Contender], pace: Pace) -> float:
    each = pace.window_s + pace.warm_up_s + AROUND_S
    return PREPARING_S + sum(pace.rounds_for(load) for load in pace.loads) * len(contenders) * each


def measure_spends(
    cluster: Cluster, contenders: Sequence[Contender], pace: Pace, progress: Progress, results: Results
) -> None:
    """Fills ``results``. A contender that can't be had or that fails is named there, and the others go on."""
    present = []
    for contender in contenders:
        if reason := missing(contender):
            results.absent[contender.name] = reason
        else:
            present.append(contender)
    progress.step(PREPARING_S, "making and funding everybody's accounts")
    with prepared(cluster, present, results) as ready:
        for round_number in range(max(pace.rounds_for(load) for load in pace.loads)):
            for load in pace.loads:
                if round_number < pace.rounds_for(load):
                    _one_round(ready, present, load, pace, progress, results)
        ready.check_books()


def _one_round(
    ready: Field, present: Sequence[Contender], load: Load, pace: Pace, progress: Progress, results: Results
) -> None:
    for contender in present:
        progress.step(pace.window_s + pace.warm_up_s + AROUND_S, f"{contender.title}: {load.name}")
        if contender.name in results.absent:
            continue
        try:
            results.add(contender.name, load, ready.measure(contender, load, pace).per_second)
        except ContenderFailed as error:
            results.absent[contender.name] = f"failed: {str(error).strip().splitlines()[-1]}"


@contextmanager
def prepared(cluster: Cluster, contenders: Sequence[Contender], results: Results) -> Iterator[Field]:
    """Each module's database, made and funded; its process, ended at the end."""
    ready = Field(cluster)
    others = packages.others_python() if any(contender.own_packages for contender in contenders) else ""
    modules = {contender.module: contender for contender in contenders}
    try:
        with ThreadPoolExecutor(2) as pool:
            jobs = {module: pool.submit(_prepare(ready, modules[module], others)) for module in modules}
        for module, job in jobs.items():
            try:
                job.result()
            except ContenderFailed as error:
                reason = f"failed: {str(error).strip().splitlines()[-1]}"
                results.absent.update({item.name: reason for item in contenders if item.module == module})
        yield ready
    finally:
        for host in ready.hosts.values():
            host.stop()


def _prepare(ready: Field, contender: Contender, others: str) -> Callable[[], None]:
    def prepare() -> None:
        if contender.module in COPIES:
            url = ledger_database(ready.cluster, contender.database)
            host = Host(contender.import_path, url, **production_environment(url))
            host.call("adapt", url)
        else:
            url = ready.cluster.create_database(contender.database)
            python = {"python": others} if contender.own_packages else {}
            host = Host(contender.import_path, url, **python)
            host.call("create", url)
            host.call("fund", url, MANY)
        ready.hosts[contender.module] = host
        ready.finished[contender.module] = host.call("spent", url)

    return prepare
