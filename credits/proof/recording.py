"""Record each proof of the ledger, and read when it was last run and whether it held."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from core.monitoring.health import register_check
from core.monitoring.last_runs import last_runs, note_run
from core.monitoring.models import LastRun
from core.monitoring.readings import gauge, register_reader

PROOF = "check_ledger"


def register() -> None:
    """Have these read at each scrape, and at a look at the site's health."""
    register_reader("ledger_proof", _read)
    register_check("ledger", _problem)


def note_proof(violations: int) -> None:
    """Record that the ledger was checked, and how many violations there were."""
    note_run(PROOF, f"{violations} violations" if violations else "")


def _last() -> LastRun | None:
    return last_runs([PROOF]).get(PROOF)


def _read() -> Iterator[GaugeMetricFamily]:
    last = _last()
    yield gauge(
        "credits_ledger_proof_last_run_timestamp_seconds",
        "When check_ledger last ran; if never, since when it is expected; 0 if no worker ever ran.",
        (last.ran_at or last.first_seen_at).timestamp() if last else 0.0,
    )
    yield gauge(
        "credits_ledger_proof_failed",
        "Whether the last check_ledger found a violation.",
        float(bool(last and last.problems)),
    )


def _problem() -> str:
    last = _last()
    return f"check_ledger found {last.problems}" if last and last.problems else ""
