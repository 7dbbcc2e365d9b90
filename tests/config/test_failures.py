"""Whatever fails, people get a page and programs a document in their shape, with the right status."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.billing.calling import API, WEBHOOK, assert_problem, browser_of, made_up_event, send, signature_of
from tests.support.builders import UserFactory
from tests.support.databases import without_pool

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY_LISTENS = "1"
SERVICES = "/api/v1/credits/"


@pytest.fixture
def signed_in() -> Any:
    return browser_of(UserFactory.create())


@pytest.fixture
def database_away(signed_in: Any) -> Iterator[None]:
    """From here on nobody reaches the database: its port is one at which nothing listens."""
    address = connection.settings_dict
    was = {name: address[name] for name in ("HOST", "PORT")}
    connection.close()
    with without_pool():
        address.update(HOST="127.0.0.1", PORT=NOBODY_LISTENS)
        yield
        connection.close()
        address.update(was)


@pytest.mark.usefixtures("database_away")
def test_without_its_database_the_api_answers_503_in_json(signed_in: Any) -> None:
    event = made_up_event("customer.updated", {"id": "cus_1", "object": "customer"})
    body = str(event).encode()
    for answer in (
        signed_in.get(f"{API}packages"),
        signed_in.get(f"{API}balance"),
        signed_in.post(f"{API}purchase", {"package_code": "pro"}, content_type="application/json"),
        send(body, signature_of(body), WEBHOOK),
    ):
        assert_problem(answer, 503, "unavailable")
    older = signed_in.get("/api/credits/session/cs_test_1")
    assert (older.status_code, older["Content-Type"]) == (503, "application/json")
    assert older.json()["success"] is False


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("page", ["/credits/", "/teams/", "/credits/success?session_id=cs_1", "/admin/"])
def test_without_its_database_a_page_is_a_503_that_looks_like_the_site(signed_in: Any, page: str) -> None:
    answer = signed_in.get(page)
    assert (answer.status_code, answer["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "We’re temporarily unavailable" in answer.content.decode()
    assert "css/base.css" in answer.content.decode()


def test_a_defect_is_a_500_in_the_callers_shape(signed_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_it(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("accounts.languages.ActivateLanguage.__call__", break_it)
    assert_problem(signed_in.get(f"{API}packages"), 500, "error")
    page = signed_in.get("/credits/")
    assert (page.status_code, "secret" in page.content.decode()) == (500, False)
    assert "Something went wrong" in page.content.decode()


def test_a_foreign_host_costs_a_400_and_no_more(
    settings: Any, caplog: Any, django_assert_num_queries: Any
) -> None:
    settings.ALLOWED_HOSTS = ["credits.example.com"]
    for host in ("evil.example", "credits.example.com.evil.example", "a b", "127.0.0.1", "@"):
        for path in ("/", "/credits/", "/health/live", f"{API}packages", WEBHOOK, f"{SERVICES}spends"):
            caplog.clear()
            with django_assert_num_queries(0), caplog.at_level(logging.DEBUG):
                answer = browser_of().post(path, HTTP_HOST=host)
            if path.startswith("/api/"):
                assert_problem(answer, 400, "unknown_host")
            else:
                assert (answer.status_code, answer.content) == (400, b"Unknown host.\n")
            assert [line.exc_info for line in caplog.records] == [
                None,
                None,
            ]  # ours, and Django's "Bad Request"
            assert host in caplog.text


def test_the_sites_own_host_is_served(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["credits.example.com"]
    assert browser_of().get("/health/live", HTTP_HOST="credits.example.com:8443").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "/credits/buy", "POST"),
        ("post", "/credits/history/", "GET, HEAD"),
        ("put", "/teams/", "GET, HEAD, POST"),
    ],
)
def test_a_wrong_method_gets_a_page_that_looks_like_the_site(
    signed_in: Any, method: str, path: str, allowed: str
) -> None:
    answer = getattr(signed_in, method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert "This address can’t be opened directly" in answer.content.decode()
    assert "css/base.css" in answer.content.decode()


def test_a_program_gets_no_page_for_a_wrong_method(signed_in: Any) -> None:
    assert_problem(signed_in.delete(f"{API}packages"), 405, "method_not_allowed")
