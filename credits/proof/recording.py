"""Record each proof of the ledger, and read when it was last run and whether it held.

Each variant of `check_ledger` is recorded by itself, as each finds what the others don't: a changed history shows only
in a run with ``--since``, a damaged copy only at its own server. A success clears nothing that it didn't look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily

from core.database.replica.routing import has_replica
from core.monitoring.health import register_check
from core.monitoring.last_runs import last_runs, note_run
from core.monitoring.models import LastRun
from core.monitoring.readings import gauge, register_reader

PROOF = "check_ledger"


@dataclass(frozen=True)
class Variant:
    """Which copy of the ledger was proven, and whether its history was compared with a head."""

    of_replica: bool = False
    with_history: bool = False

    @property
    def name(self) -> str:
        """Return the name under which its runs are recorded: how the command is called."""
        options = {" --since": self.with_history, " --replica": self.of_replica}
        return PROOF + "".join(option for option, is_given in options.items() if is_given)

    def proves(self) -> list[Variant]:
        """Return the variants that a success of this one proves: with history, also the one without."""
        return [self, Variant(self.of_replica)] if self.with_history else [self]


def register() -> None:
    """Have these read at each scrape, and at a look at the site's health."""
    register_reader("ledger_proof", _read)
    register_check("ledger", _problem)


def note_proof(violations: int, variant: Variant = Variant()) -> None:
    """Record that the ledger was checked, and how many violations there were."""
    if violations:
        note_run(variant.name, f"{violations} violations")
        return
    for each in variant.proves():
        note_run(each.name)


def _last() -> list[LastRun]:
    """Return each variant's last run. What was once found at a replica counts as long as there is one."""
    places = [False, True] if has_replica() else [False]
    variants = [Variant(of_replica, with_history) for of_replica in places for with_history in (False, True)]
    runs = last_runs(variant.name for variant in variants)
    return [runs[variant.name] for variant in variants if variant.name in runs]


def _read() -> Iterator[GaugeMetricFamily]:
    runs = _last()
    yield gauge(
        "credits_ledger_proof_last_run_timestamp_seconds",
        "When check_ledger last ran; if never, since when it is expected; 0 if no worker ever ran.",
        max(((run.ran_at or run.first_seen_at).timestamp() for run in runs), default=0.0),
    )
    yield gauge(
        "credits_ledger_proof_failed",
        "Whether the last check_ledger found a violation, in any of its variants.",
        float(any(run.problems for run in runs)),
    )


def _problem() -> str:
    return ", ".join(f"{run.name} found {run.problems}" for run in _last() if run.problems)
