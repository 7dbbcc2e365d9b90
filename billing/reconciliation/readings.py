"""Read when the last reconciliation finished, and how many issues are open."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily

from billing.reconciliation.models import ReconciliationRun
from billing.reconciliation.selectors import waiting_findings
from core.jobs.measuring import run_name
from core.monitoring.last_runs import last_runs
from core.monitoring.readings import gauge, register_reader

NIGHTLY = run_name("billing.reconcile_nightly")
# Among the newest: there is one a night, and each that staff start.
NEWEST = 200


def register() -> None:
    """Have these read at each scrape."""
    register_reader("reconciliation", _read)


def last_finished() -> float:
    """Return when the last run finished, as seconds since 1970; if none has, since when one is expected, or else 0."""
    newest = ReconciliationRun.objects.order_by("-id").values_list("status", "ended_at")[:NEWEST]
    ended = [at for status, at in newest if status == ReconciliationRun.Status.DONE and at is not None]
    if ended:
        return max(ended).timestamp()
    expected = last_runs([NIGHTLY]).get(NIGHTLY)
    return expected.first_seen_at.timestamp() if expected else 0.0


def _read() -> Iterator[GaugeMetricFamily]:
    yield gauge(
        "credits_reconciliation_last_finished_timestamp_seconds",
        "When a reconciliation last finished; if never, since when one is expected; 0 if no worker ever ran.",
        last_finished(),
    )
    yield gauge(
        "credits_reconciliation_open_issues", "Issues that staff must close.", waiting_findings().count()
    )
