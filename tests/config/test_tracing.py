"""When traces are on, what their variables may say, and what a job does with a trace."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from procrastinate.contrib.django.models import ProcrastinateJob

from config.settings.tracing import is_tracing
from core.jobs.deferring import defer
from core.tracing.database import statement_span
from core.tracing.otlp import CONTEXT
from core.tracing.spans import add_trace
from tests.billing.worker import run_worker
from tests.support.tracing import FIRST, in_trace, tracing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HERE = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("said", "is_on"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{HERE}/v1/traces"}, True),
        ({ENDPOINT: HERE, "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: HERE, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, True),
    ],
)
def test_an_endpoint_turns_traces_on(
    monkeypatch: pytest.MonkeyPatch, said: dict[str, str], is_on: bool
) -> None:
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert is_tracing() is is_on


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ENDPOINT, "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(ENDPOINT, HERE)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=rf"\A{name} .*\.\Z"):
        is_tracing()


def test_baggage_is_never_read() -> None:
    assert CONTEXT.fields == {"traceparent", "tracestate"}


def test_a_line_of_the_log_has_the_trace_where_there_is_one() -> None:
    assert add_trace(None, "info", {"event": "a"}) == {"event": "a"}
    with tracing(), in_trace(FIRST):
        assert add_trace(None, "info", {"event": "a"}) == {"event": "a", "trace": FIRST}


@pytest.mark.django_db(transaction=True)
def test_a_job_that_was_deferred_in_a_trace_runs_where_nothing_is_traced() -> None:
    with tracing(), in_trace(FIRST):
        defer("credits.send_low_balance", alert_id=1)
    job = ProcrastinateJob.objects.get()
    assert job.args["traceparent"].startswith(f"00-{FIRST}-")
    run_worker()
    job.refresh_from_db()
    assert job.status == "succeeded"


@pytest.mark.parametrize(
    ("sql", "name", "text"),
    [
        ("SELECT * FROM credits_spend(%s, %s)", "SELECT credits_spend", "SELECT * FROM credits_spend(%s, %s)"),
        ("SAVEPOINT a; SELECT * FROM credits_grant(%s); RELEASE SAVEPOINT a", "SELECT credits_grant", None),
        ("INSERT INTO \"accounts_user\" (a) VALUES ('ada''s', 12)", "INSERT accounts_user",
         'INSERT INTO "accounts_user" (a) VALUES (?, ?)'),
        ("SELECT 1 FROM a WHERE x = 1.5 FOR UPDATE OF b", "SELECT a", "SELECT ? FROM a WHERE x = ? FOR UPDATE OF b"),
    ],
)  # fmt: skip
def test_a_statement_is_shown_without_its_values(sql: str, name: str, text: str | None) -> None:
    kept: Any
    with tracing(), statement_span(sql) as step:
        kept = step._kept  # type: ignore[attr-defined]  # what the SDK would send
    assert kept.name == name
    assert text is None or kept.attributes["db.query.text"] == text
