"""The probe takes a process out only for what another one wouldn't suffer from, and tells details to nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing.checkout.fulfilment import fulfil_purchase
from billing.purchases.log import Source
from billing.purchases.models import PurchaseEvent
from core.monitoring import health
from credits.proof.recording import note_proof
from tests.monitoring.scraping import BEARER, TOKEN
from tests.ops.database_outages import database_away
from tests.support.builders import UserFactory, paid_report, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def a_new_process(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(health, "_seen_applied", [])


def problems(client: Client) -> tuple[int, str, dict[str, str]]:
    answer = client.get("/health/ready", headers=BEARER)
    said = answer.json()
    return (
        answer.status_code,
        said["status"],
        {one["name"]: one["problem"] for one in said["checks"] if not one["ok"]},
    )


def test_a_process_without_the_database_is_not_ready(client: Client) -> None:
    with database_away():
        connection.close()
        answer = client.get("/health/ready")
        status, said, wrong = problems(client)
    assert (answer.status_code, answer.content) == (503, b"not ready\n")
    assert (status, said, wrong) == (503, "not_ready", {"database": "it doesn't answer"})


def test_a_process_whose_migrations_are_missing_is_not_ready(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = '0001_other' WHERE app = 'monitoring'")
    try:
        answer = client.get("/health/ready")
        status, said, wrong = problems(client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET name = '0001_last_run' WHERE app = 'monitoring'")
    assert (answer.status_code, status, said) == (503, 503, "not_ready")
    assert wrong["migrations"] == "1 not applied: monitoring.0001_last_run: run manage.py migrate"
    assert client.get("/health/ready").status_code == 200, "and is once they are applied"


def test_what_all_processes_share_is_told_and_takes_none_out(
    client: Client, sandbox: Sandbox, settings: Any
) -> None:
    put_on_sale()
    purchase = start(UserFactory()).purchase
    fulfil_purchase(purchase.pk, paid_report(purchase, amount_minor=1), Source(PurchaseEvent.Source.WEBHOOK))
    note_proof(violations=2)
    settings.COUNT_STORE = "redis"
    settings.CACHES = {
        "default": {"BACKEND": "core.failsafe_cache.FailsafeRedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    status, said, wrong = problems(client)
    assert (status, said) == (200, "degraded")
    assert wrong == {
        "worker": "no worker runs",
        "payments": "1 paid and not credited",
        "ledger": "check_ledger found 2 violations",
        "cache": "it doesn't answer: each process counts rate limits alone",
    }


def test_a_check_that_breaks_is_a_problem_and_hides_no_other(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inbox_inboxevent RENAME TO moved")
    try:
        status, said, wrong = problems(client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE moved RENAME TO inbox_inboxevent")
    assert (status, said) == (200, "degraded")
    assert wrong["webhooks"] == "it couldn't be checked: ProgrammingError"
    assert wrong["worker"] == "no worker runs"


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer "])
def test_details_are_for_the_token_only(client: Client, header: str | None) -> None:
    note_proof(violations=2)
    answer = client.get("/health/ready", headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_a_configured_token_nobody_reads_details(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/health/ready", headers={"Authorization": "Bearer "}).content == b"ok\n"
