"""A real Prometheus asks a running site and worker, and is told of what goes wrong: three alarms are made to happen.

The repairs are the runbook's (docs/runbook.md), and each ends its alarm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.refunds.owed_payments import owed_payments
from billing.refunds.refunding import RefundOrder, refund_purchase
from billing.webhooks.receiving import reapply_events
from core.jobs.deferring import defer
from dev.demo import free_port
from tests.alarms.prometheus import Prometheus, running_prometheus
from tests.monitoring.running import running_worker, wait_until
from tests.monitoring.scraping import TOKEN, scrape, value
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox, point_settings_at, running_sandbox
from tests.support.served import running_site

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOK = "/api/v1/billing/credits/webhook"
ALARMS = {"PaidNotCredited", "WebhookFailures", "JobsLate"}
# The rules' ages, waits and windows, ten times shorter, on a busy machine.
PATIENCE_S = 300


def test_three_alarms_fire_and_the_runbooks_repairs_end_them(tmp_path: Path, settings: Any) -> None:
    for name in ("prometheus", "counts"):
        (tmp_path / name).mkdir()
    port = free_port()
    site_url = f"http://127.0.0.1:{port}"
    told = {"METRICS_TOKEN": TOKEN, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts")}
    with (
        running_sandbox(
            "--webhook-url", f"{site_url}{WEBHOOK}", "--webhook-secret", WEBHOOK_SECRET
        ) as sandbox,
        running_site(**told, GRANIAN_PORT=str(port), SITE_URL=site_url, SANDBOX_URL=sandbox.url) as site,
    ):
        point_settings_at(settings, sandbox.url, site_url)
        put_on_sale()
        with running_worker(sandbox, tmp_path / "worker") as (worker, process):
            wait_until(lambda: value(scrape(site_url), "credits_workers") > 0, process)
            targets = {"credits-web": site_url, "credits-worker": worker}
            with running_prometheus(targets, tmp_path / "prometheus") as prometheus:
                wait_until(lambda: prometheus.targets_up() == 2, process)
                assert not ALARMS & prometheus.firing().keys()
                walk_through(prometheus, sandbox, process.popen.terminate)
                with running_worker(sandbox, tmp_path / "worker again"):
                    prometheus.wait_until_over(ALARMS, PATIENCE_S)
    assert site


def walk_through(prometheus: Prometheus, sandbox: Sandbox, stop_worker: Any) -> None:
    """Make all three happen, wait until they fire, and repair what can be repaired without the worker."""
    held_back = pay_another_amount(sandbox)
    run("ALTER TABLE purchases_payment RENAME TO moved")  # as a deployment that broke would
    try:
        for _ in range(4):
            sandbox.pay(start(UserFactory()).session_id)
        stop_worker()
        defer("billing.send_confirmation", purchase_id=str(held_back.pk))
        fired = prometheus.wait_for({"WebhookFailures"}, PATIENCE_S)
    finally:
        run("ALTER TABLE moved RENAME TO purchases_payment")
    fired |= prometheus.wait_for(ALARMS - {"WebhookFailures"}, PATIENCE_S)
    for name, alert in fired.items():
        assert alert["annotations"]["runbook_url"] == f"https://docs.example.com/runbook.html#{name.lower()}"
    # What the worker left behind in other queues may be late, too.
    prometheus.wait_for_labels(PATIENCE_S, alertname="JobsLate", queue="mail")
    refund(held_back)
    failed = InboxEvent.objects.filter(status__in=InboxEvent.FAILING).values_list("pk", flat=True)
    assert all(one.error is None for one in reapply_events(list(failed)))
    assert Purchase.objects.filter(status=Purchase.Status.COMPLETED).count() == 4, "nothing of it was lost"


def pay_another_amount(sandbox: Sandbox) -> Purchase:
    """As if someone gave a discount in Stripe's dashboard: the payment brings no credits."""
    purchase = start(UserFactory()).purchase
    session = purchase.stripe_session_id or ""
    sandbox.discount(session, 100)
    sandbox.pay(session)
    sandbox.wait_for_webhooks()
    purchase.refresh_from_db()
    assert purchase.attention == "amount_differs"
    return purchase


def refund(purchase: Purchase) -> None:
    """*Refund payment*, on the purchase's page."""
    (owed,) = owed_payments(purchase)
    order = RefundOrder(
        amount_minor=owed.left.minor,
        reason=Refund.Reason.REQUESTED_BY_CUSTOMER,
        policy=Refund.Policy.CAP,
        note="",
        origin=Refund.Origin.ADMIN,
        asked_by=UserFactory(is_staff=True, is_superuser=True),
        payment_id=owed.payment.pk,
    )
    refund_purchase(purchase.pk, order)


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
