"""A running site and its worker export what the alerts and the dashboard ask for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

from core.jobs.measuring import periodic_tasks, run_name
from core.monitoring.models import LastRun
from tests.monitoring.running import running_worker, wait_until
from tests.monitoring.scraping import (
    BEARER,
    TOKEN,
    Samples,
    alerts,
    metrics_in,
    names,
    panel_expressions,
    scrape,
    value,
)
from tests.support.sandbox import Sandbox
from tests.support.served import ROOT, running_site

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOK = "/api/v1/billing/credits/webhook"
# Exported with a replica only (test_readings.py), and by node_exporter.
ELSEWHERE = {
    "credits_replica_up",
    "credits_replica_lag_seconds",
    "credits_replica_lag_bytes",
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
}


def asked_for() -> set[str]:
    asked = [*(rule["expr"] for rule in alerts()), *panel_expressions()]
    return set().union(*(metrics_in(expression) for expression in asked))


def documented() -> set[str]:
    """The metrics of the table in operate.md."""
    table = (ROOT / "docs" / "operate.md").read_text().split("\n### Metrics\n")[1].split("\n### ")[0]
    return set(re.findall(r"`(credits_\w+)`", table))


def methods_of(samples: Samples) -> set[str]:
    """The methods that any metric of django-prometheus's has as a label."""
    labelled = (dict(labels) for name, labels in samples if name.startswith("django_"))
    return {labels["method"] for labels in labelled if "method" in labels}


def has_counted(worker: str) -> bool:
    """Whether a job of each kind of queue succeeded: the one every ten seconds comes last."""
    try:
        return (
            value(scrape(worker), "credits_jobs_total", task="billing.watch_auto_top_ups", result="succeeded")
            > 0
        )
    except (requests.ConnectionError, KeyError):
        return False


def test_a_site_and_its_worker_export_every_metric_that_is_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    counts = tmp_path / "counts"
    counts.mkdir()
    told = {"METRICS_TOKEN": TOKEN, "PROMETHEUS_MULTIPROC_DIR": str(counts), "SANDBOX_URL": sandbox.url}
    with (
        running_worker(sandbox, tmp_path / "logs") as (worker, process),
        running_site(**told, GRANIAN_WORKERS="2") as site,
    ):
        # A new connection each, so that both processes get some.
        for _ in range(40):
            refused = requests.post(
                f"{site}{WEBHOOK}", data=b"{}", headers={"Stripe-Signature": "t=1,v1=0"}, timeout=20
            )
            assert refused.status_code == 400
        # Invented methods, on a page and on the fast path of services.
        for number, path in enumerate(["/", "/api/v1/credits/spends", "/accounts/login/"] * 2):
            requests.request(f"ATTACK{number}", f"{site}{path}", timeout=20)
            requests.get(f"{site}/health/live", timeout=20)
        served_by = {path.name.split("_")[1] for path in counts.glob("counter_*.db")}
        of_site = scrape(site)
        wait_until(lambda: has_counted(worker), process)
        of_worker = scrape(worker)
        ready = requests.get(f"{site}/health/ready", headers=BEARER, timeout=20)
        without_token = requests.get(f"{worker}/metrics", timeout=20)
        elsewhere = requests.get(f"{worker}/admin/", headers=BEARER, timeout=20)

    assert len(served_by) == 2, "two processes counted"
    assert value(of_site, "credits_webhook_deliveries_total", result="refused") == 40
    assert methods_of(of_site) == {"GET", "POST", "<invalid method>"}
    classes = {
        status: value(of_site, "credits_http_responses_total", status=status) for status in ("2xx", "5xx")
    }
    assert classes == {"2xx": 0, "5xx": 0}, "probes and scrapes aren't counted"
    assert value(of_site, "credits_http_responses_total", status="4xx") >= 46
    exported = names(of_site) | names(of_worker)
    assert not asked_for() - ELSEWHERE - exported
    ours = {
        re.sub("_(bucket|sum|count)$", "", name)
        for name in exported
        if name.startswith("credits_") and not name.endswith("_created")
    }
    assert documented() - ELSEWHERE == ours
    # Both say what only the database knows, so that one of them is enough.
    gauges = {
        name
        for name in names(of_site)
        if name.startswith(("credits_inbox", "credits_job_last", "credits_ledger_proof"))
    }
    assert gauges
    assert gauges <= names(of_worker)
    assert value(of_worker, "credits_workers") == 5
    assert ready.status_code == 200
    assert (without_token.status_code, elsewhere.status_code) == (401, 404)
    assert b"credits" not in without_token.content
    expected = set(LastRun.objects.values_list("pk", flat=True))
    assert expected >= {run_name(task) for task in periodic_tasks()}
    assert LastRun.objects.get(pk=run_name("billing.watch_auto_top_ups")).succeeded_at
