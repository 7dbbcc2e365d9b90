"""Traces by OpenTelemetry, from the processes that production runs, as a collector receives them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as site_settings
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.clients.api_keys import create_key
from accounts.clients.models import Scope
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Process, Processes
from tests.billing.calling import API, WEBHOOK, browser_of, paid_session_event, signature_of
from tests.credits.builders import funded
from tests.ops.production import ENVIRONMENT, run
from tests.ops.waiting import wait_until
from tests.support.api_clients import make_client
from tests.support.builders import UserFactory, put_on_sale
from tests.support.otlp import Collector, running_collector
from tests.support.sandbox import Sandbox, point_settings_at, running_sandbox
from tests.support.served import SERVER, database_url, running_site

pytestmark = pytest.mark.django_db(transaction=True)

WEBHOOK_SECRET = ENVIRONMENT["STRIPE_WEBHOOK_SECRET_CREDITS"]
CALLER = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
EMAIL, REFERENCE = "ada.lovelace@example.com", "reference-of-ada"
# Far more than it takes, and far less than a collector that hangs would make of it.
SPENDS_TAKE_S, ENDS_WITHIN_S = 8, 8
SERVER_KIND, CLIENT_KIND, CONSUMER_KIND = 2, 3, 5


def environment(stripe: str, endpoint: str) -> dict[str, str]:
    """A production environment that sends its spans often."""
    return {
        **ENVIRONMENT,
        "OIDC_ISSUER": "",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": site_settings.SECRET_KEY,
        "SECURE_SSL_REDIRECT": "false",
        "STRIPE_API_BASE": stripe,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=shop",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def stripe() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: Any, stripe: Sandbox, collector: Collector, logs: Path
) -> Iterator[str]:
    with django_db_blocker.unblock(), running_site(logs, **environment(stripe.url, collector.url)) as url:
        yield url


@pytest.fixture(autouse=True)
def _shop(stripe: Sandbox, site: str, settings: Any) -> None:
    point_settings_at(settings, stripe.url, site)
    put_on_sale()


def lines_of(trace: str, logs: Path) -> list[dict[str, Any]]:
    lines = [
        json.loads(line) for line in (logs / "site.log").read_text().splitlines() if line.startswith("{")
    ]
    return [line for line in lines if line.get("trace") == trace]


def a_spend(site: str, trace: str, *, account: Any, secret: str, flags: str = "01") -> requests.Response:
    headers = {
        "Authorization": f"Bearer {secret}",
        "Idempotency-Key": "job-1",
        "traceparent": f"00-{trace}-{CALLER_SPAN}-{flags}",
        "baggage": "customer=ada",
    }
    body = {"account": str(account.pk), "amount": "7.125", "reference": REFERENCE}
    return requests.post(f"{site}/api/v1/credits/spends?for={EMAIL}", json=body, headers=headers, timeout=20)


def test_a_call_continues_its_callers_trace_into_the_ledger_and_the_log(
    site: str, collector: Collector, logs: Path
) -> None:
    account, secret = funded(), create_key(make_client(scopes=[Scope.SPEND]), name="k").secret
    answer = a_spend(site, CALLER, account=account, secret=secret)
    assert answer.status_code == 201
    collector.wait_for(lambda: any(span.kind == SERVER_KIND for span in collector.of(CALLER)))
    (request,) = [span for span in collector.of(CALLER) if span.kind == SERVER_KIND]
    assert (request.name, request.parent) == ("POST /api/v1/credits/spends", CALLER_SPAN)
    assert request.attributes["http.response.status_code"] == "201"
    (spent,) = [span for span in collector.of(CALLER) if span.name == "SELECT credits_spend"]
    assert (spent.parent, spent.kind) == (request.id, CLIENT_KIND)
    assert Entry.objects.get(key__endswith="job-1").metadata == {"trace": CALLER}
    assert [line["event"] for line in lines_of(CALLER, logs)] == ["request_finished"]
    assert collector.headers[-1]["x-tenant"] == "shop"

    # A repeat is part of another trace, one that isn't sampled. It gets the first answer, and says so in the log.
    other = CALLER.replace("0af7", "1111")
    repeated = a_spend(site, other, account=account, secret=secret, flags="00")
    assert repeated.json() == {**answer.json(), "repeated": True} or repeated.json() == answer.json()
    assert Entry.objects.get(key__endswith="job-1").metadata == {"trace": CALLER}
    assert lines_of(other, logs)


def test_a_purchase_is_one_trace_from_webhook_to_job(
    site: str, stripe: Sandbox, collector: Collector, tmp_path: Path
) -> None:
    buyer = UserFactory(email=EMAIL, username="ada.lovelace")
    cookies = {
        site_settings.SESSION_COOKIE_NAME: browser_of(buyer).cookies[site_settings.SESSION_COOKIE_NAME].value
    }
    cookies[site_settings.CSRF_COOKIE_NAME] = "c" * 32
    bought = requests.post(
        f"{site}{API}purchase",
        json={"package_code": "starter"},
        cookies=cookies,
        headers={"X-CSRFToken": "c" * 32, "traceparent": f"00-{'2' * 32}-{CALLER_SPAN}-01"},
        timeout=20,
    )
    assert bought.status_code in {200, 201}, bought.text
    collector.wait_for(lambda: any(span.kind == SERVER_KIND for span in collector.of("2" * 32)))
    calls = {span.name: span for span in collector.of("2" * 32) if span.kind == CLIENT_KIND}
    assert calls["POST /v1/checkout/sessions"].attributes["http.response.status_code"] == "200"

    purchase = Purchase.objects.get()
    body = json.dumps(paid_session_event(stripe, str(purchase.stripe_session_id))).encode()
    headers = {"Stripe-Signature": signature_of(body, WEBHOOK_SECRET), "Content-Type": "application/json"}
    assert requests.post(site + WEBHOOK, body, headers=headers, timeout=20).status_code == 200
    collector.wait_for(lambda: any(span.name == "receive event" for span in collector.spans))
    (received,) = [span for span in collector.spans if span.name == "receive event"]
    trace = received.trace
    collector.wait_for(lambda: any(span.id == received.parent for span in collector.spans))
    spans = {span.id: span for span in collector.of(trace)}
    (granted,) = [span for span in spans.values() if span.name == "SELECT credits_grant"]
    ways = [granted.name]
    at = granted
    while at.parent:
        at = spans[at.parent]
        ways.append(at.name)
    assert ways == [
        "SELECT credits_grant", "fulfil purchase", "receive event", f"POST {WEBHOOK}"
    ]  # fmt: skip
    assert Entry.objects.get().metadata["trace"] == trace
    jobs = ProcrastinateJob.objects.filter(args__has_key="traceparent")
    assert {trace} == {job.args["traceparent"].split("-")[1] for job in jobs}

    worker = Processes(tmp_path)
    try:
        worker.start(
            "worker", [sys.executable, "manage.py", "run_worker"], environment(stripe.url, collector.url)
        )
        name = "billing.mirror_event"
        collector.wait_for(lambda: any(span.name == name for span in collector.of(trace)), 40)
    finally:
        worker.stop_all()
    (job,) = [span for span in collector.of(trace) if span.name == name]
    assert (job.kind, job.has_failed) == (CONSUMER_KIND, False), (tmp_path / "worker.log").read_text()
    asked = [
        span.name for span in collector.of(trace) if span.parent == job.id and span.name.startswith("GET ")
    ]
    assert asked
    assert_nothing_confidential(collector, buyer, purchase)


def assert_nothing_confidential(collector: Collector, buyer: Any, purchase: Purchase) -> None:
    """No personal data, query, parameter, token or key in whatever was sent; the test's own are looked for, too."""
    sent = bytes(collector.everything)
    purchase.refresh_from_db()
    hidden = [
        EMAIL,
        "lovelace",
        REFERENCE,
        "7.125",
        "?for",
        "customer=",
        "sk_test",
        "whsec",
        "cs_test_",
        str(buyer.pk),
    ]
    hidden += [str(purchase.stripe_session_id), str(purchase.stripe_payment_intent_id)]
    assert all(hidden)
    assert [text for text in hidden if text.encode() in sent] == []
    assert b"%s" in sent  # the statements themselves are there


# --- The collector is away, and the end of a process --------------------------------------------------------------


@contextmanager
def spending_site(stripe: Sandbox, logs: Path, endpoint: str, **more: str) -> Iterator[Process]:
    """A site of one process, after twenty spends."""
    account, secret = funded(), create_key(make_client(scopes=[Scope.SPEND]), name="k").secret
    port, processes = free_port(), Processes(logs)
    told = {
        **SERVER,
        **environment(stripe.url, endpoint),
        "GRANIAN_HOST": "127.0.0.1",
        "GRANIAN_WORKERS": "1",
    }
    server = [sys.executable, "-m", "granian", "config.wsgi:application"]
    try:
        site = processes.start("site", server, {**told, "GRANIAN_PORT": str(port), **more})
        url = f"http://127.0.0.1:{port}"
        wait_until_answers(site, f"{url}/health/live", PATIENCE_S)
        begun = time.monotonic()
        for number in range(1, 21):
            answer = a_spend(url, f"{number:032x}", account=account, secret=secret)
            assert answer.status_code == 201, answer.text
        assert time.monotonic() - begun < SPENDS_TAKE_S
        yield site
    finally:
        processes.stop_all()


def end(site: Process) -> None:
    """End it as an orchestrator does, and wait for as long as it may take."""
    begun = time.monotonic()
    os.kill(site.popen.pid, signal.SIGTERM)
    site.popen.wait(20)
    assert time.monotonic() - begun < ENDS_WITHIN_S


@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
def test_without_its_collector_the_site_answers_and_ends_as_ever(
    stripe: Sandbox, tmp_path: Path, hangs: bool
) -> None:
    with running_collector() as away:
        away.hangs = hangs
        endpoint = away.url if hangs else f"http://127.0.0.1:{free_port()}"
        with spending_site(stripe, tmp_path, endpoint, OTEL_EXPORTER_OTLP_TIMEOUT="1") as site:
            wait_until(lambda: "traces_not_sent" in site.log.read_text(), 20, "a line that says so")
            time.sleep(1)
            end(site)
            log = site.log.read_text()
    (said,) = (line for line in log.splitlines() if "traces_not_sent" in line)
    assert json.loads(said)["error"] == ("ReadTimeout" if hangs else "ConnectionError")
    assert "Traceback" not in log


def test_a_process_that_ends_sends_its_last_spans(
    stripe: Sandbox, collector: Collector, tmp_path: Path
) -> None:
    with spending_site(stripe, tmp_path, collector.url, OTEL_BSP_SCHEDULE_DELAY="60000") as site:
        before = len(collector.spans)
        end(site)
    requests_sent = [span for span in collector.spans[before:] if span.kind == SERVER_KIND]
    assert len(requests_sent) == 20


# --- Off ----------------------------------------------------------------------------------------------------------


def test_without_an_endpoint_nothing_that_traces_is_imported() -> None:
    code = """
import sys
from django.core.wsgi import get_wsgi_application
get_wsgi_application()
import billing.tasks, config.urls, credits.tasks
from django.conf import settings
assert not settings.TRACING
# redis-py imports the metrics of the SDK that it finds installed (docs/decisions/tracing.md).
parts = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf", "core.tracing.otlp")
print([name for name in sys.modules if name.startswith(parts)])
"""
    result = run(["-c", code], ENVIRONMENT)
    assert result.stdout.strip() == "[]", result.stderr
