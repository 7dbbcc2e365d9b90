"""Services go past what is for browsers, and past nothing else."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from credits.ledger.models import Account
from tests.credits_api.calling import Service
from tests.support.builders import UserFactory


def test_an_answer_has_no_cookie_and_no_policy_for_pages_but_the_sites_headers(
    service: Service, account: Account
) -> None:
    service.http.force_login(UserFactory.create())
    answer = service.spend(account)

    assert not answer.cookies
    for name in ("Content-Security-Policy", "X-Frame-Options", "Vary", "Content-Language"):
        assert name not in answer
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_pages_and_addresses_that_do_not_exist_keep_all_of_it() -> None:
    for address in ("/api/v1/credits/nothing", "/accounts/login/", "/api/v1/creditsX"):
        assert "X-Frame-Options" in Client().get(address)


def test_a_call_is_one_line_of_the_request_log_with_its_client(
    service: Service, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = {"account": str(account.pk), "amount": 1, "reference": "not in the log"}
    service.post("spends", body, **{"X-Forwarded-For": "203.0.113.7"})
    said: list[Any] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    [finished] = [line for line in said if line["event"].startswith("request_")]

    assert finished["event"] == "request_finished"
    assert (finished["request"], finished["code"]) == ("POST /api/v1/credits/spends", 201)
    assert finished["ip"] == "127.0.0.1"
    assert "203.0.113.7" not in str(finished)
    assert finished["client"]
    assert finished["request_id"]
    assert "not in the log" not in caplog.text
    assert service.secret not in caplog.text


def test_a_call_is_counted_by_operation_and_status(service: Service, account: Account) -> None:
    name = "django_http_responses_total_by_status_view_method_total"
    labels = {"status": "201", "view": "spend_credits", "method": "POST"}
    before = REGISTRY.get_sample_value(name, labels) or 0
    service.spend(account)
    service.post("spends/", {"account": str(account.pk), "amount": 1})

    assert REGISTRY.get_sample_value(name, labels) == before + 2


def test_a_defect_is_a_problem_that_tells_nothing_and_is_reported(
    service: Service, account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("credits.api.spends.plain", None)
    answer = service.spend(account)

    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "NoneType" not in answer.content.decode()
    assert "NoneType" in caplog.text
