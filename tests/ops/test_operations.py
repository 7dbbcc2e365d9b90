"""What operators and their machines ask of a running site."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from config import probe
from config.monitoring import without_query

TOKEN = "a-token-for-prometheus"


def test_a_process_without_a_database_is_alive(client: Client) -> None:
    # No database mark: a query here would be an error.
    answer = client.get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_a_process_with_its_database_is_ready(client: Client) -> None:
    assert client.get("/health/ready").status_code == 200


def test_there_are_no_metrics_without_a_configured_token(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("header", [None, "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"])
def test_metrics_are_closed_to_whoever_lacks_the_token(
    client: Client, settings: Any, header: str | None
) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert b"django_http" not in answer.content


def test_metrics_are_open_to_prometheus(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert b"django_http_requests" in answer.content


def test_the_api_page_needs_no_exception_from_the_strict_policy(client: Client) -> None:
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "<style" not in page
    assert "style=" not in page
    assert all("src=" in script for script in page.split("<script")[1:])


def test_an_error_report_carries_no_query() -> None:
    url = "https://credits.example.com/oidc/callback/"
    report = {"request": {"url": f"{url}?code=secret", "query_string": "code=secret", "method": "GET"}}
    assert without_query(report) == {"request": {"url": url, "method": "GET"}}
    assert without_query({"message": "of a job"}) == {"message": "of a job"}


class Site(http.server.BaseHTTPRequestHandler):
    """Answers like the site: 400 to names that are not its own."""

    def do_GET(self) -> None:
        known = self.headers["Host"] == "credits.example.com" and self.path == "/health/live"
        self.send_response(200 if known else 400)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def site_port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("hosts", ["credits.example.com,other.example.com", " .credits.example.com"])
def test_the_probe_calls_the_site_by_its_own_name(site_port: int, monkeypatch: Any, hosts: str) -> None:
    monkeypatch.setenv("GRANIAN_PORT", str(site_port))
    monkeypatch.setenv("ALLOWED_HOSTS", hosts)
    assert probe.main() == 0


def test_the_probe_fails_when_the_site_refuses_or_is_away(site_port: int, monkeypatch: Any) -> None:
    monkeypatch.setenv("GRANIAN_PORT", str(site_port))
    monkeypatch.setenv("ALLOWED_HOSTS", "elsewhere.example.com")
    assert probe.main() == 1
    monkeypatch.setenv("GRANIAN_PORT", "1")
    assert probe.main() == 1
