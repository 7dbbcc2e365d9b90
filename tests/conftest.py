"""What every test stands on: a real PostgreSQL, a real local Stripe, the site served over real HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from django.test import TransactionTestCase

from tests.support.databases import copied_database
from tests.support.emptying import empty_tables
from tests.support.own_commands import describe_left_out, is_left_out
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox, point_settings_at, running_sandbox
from tests.support.staff import as_clerk, as_superuser, clerk, superuser

__all__ = ["as_clerk", "as_superuser", "clerk", "superuser"]

LONGEST = (
    "tests/dev/",
    "tests/browser/",
    "tests/credits/test_chaos.py",
    "tests/credits/test_machine.py",
    "tests/ops/",
)


def pytest_configure() -> None:
    # Django empties tables by TRUNCATE, which the append-only tables refuse and which takes long over 120 tables.
    # And its live server lets each answer's body wait 40 ms for the other side to confirm the headers.
    WSGIRequestHandler.disable_nagle_algorithm = True
    TransactionTestCase._fixture_teardown = lambda case: empty_tables()  # type: ignore[attr-defined]  # untyped upstream


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest: begun last, it would leave the other workers without work."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if is_left_out(collection_path, config) else None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say loudly what a green run has not looked at."""
    for line in describe_left_out(config):
        terminalreporter.write_line(line, bold=True)
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("NOT RUN", sep="!", red=True, bold=True)
    for reason, count in reasons.items():
        terminalreporter.write_line(f"NOT RUN ({count}): {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, django_db_modify_db_settings: None
) -> Iterator[None]:
    with django_db_blocker.unblock(), copied_database():
        yield


@pytest.fixture(scope="session")
def sandbox_process(live_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for the session, whose webhooks go to the live server."""
    webhook = f"{live_server.url}/api/v1/billing/credits/webhook"
    arguments = ["--webhook-url", webhook, "--webhook-secret", WEBHOOK_SECRET, "--app-url", live_server.url]
    with running_sandbox(*arguments, state=tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def provider_process() -> Iterator[Sandbox]:
    """One sandbox for all tests to which it is the OpenID provider alone; it knows of no site."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox, live_server: Any, settings: Any) -> Iterator[Sandbox]:
    """The sandbox, emptied, with the site's settings pointing at it. No webhook outlives its test: it would come while
    the tables are emptied.
    """
    sandbox_process.post("/_sandbox/reset")
    point_settings_at(settings, sandbox_process.url, live_server.url)
    yield sandbox_process
    sandbox_process.post("/_sandbox/webhooks/drop")
    sandbox_process.wait_for_webhooks()
