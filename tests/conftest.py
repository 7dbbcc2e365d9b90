"""What every test stands on: a real PostgreSQL, a real local Stripe, the site served over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection, transaction
from django.test import TransactionTestCase

from tests.local_world import WEBHOOK_SECRET, Sandbox, running_sandbox

# Filled by migrations, not by tests.
KEPT_TABLES = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
}


def pytest_configure() -> None:
    # Django empties tables by TRUNCATE, which the append-only tables refuse and which takes long over 120 tables.
    # And its live server lets each answer's body wait 40 ms for the other side to confirm the headers.
    WSGIRequestHandler.disable_nagle_algorithm = True
    TransactionTestCase._fixture_teardown = lambda case: empty_tables()  # type: ignore[attr-defined]  # untyped upstream


def empty_tables() -> None:
    """Empties every table, past the triggers that forbid it. Needs a superuser, as the embedded one is. Where a request
    that is still under way crosses it, the request is the one that loses.
    """
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - KEPT_TABLES)
    extra = [
        "procrastinate_jobs",
        "procrastinate_events",
        "procrastinate_periodic_defers",
        "procrastinate_workers",
    ]
    statements = "".join(f'DELETE FROM "{table}";' for table in dict.fromkeys([*tables, *extra]))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL deadlock_timeout = '1min'")
        cursor.execute(statements)


@pytest.fixture(scope="session")
def sandbox_process(live_server: Any) -> Iterator[Sandbox]:
    """One sandbox for the session, whose webhooks go to the live server."""
    webhook = f"{live_server.url}/api/v1/billing/credits/webhook"
    arguments = ["--webhook-url", webhook, "--webhook-secret", WEBHOOK_SECRET, "--app-url", live_server.url]
    with running_sandbox(*arguments) as sandbox:
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


def point_settings_at(settings: Any, sandbox_url: str, site_url: str) -> None:
    settings.SANDBOX_URL = sandbox_url
    settings.SITE_URL = site_url
    settings.STRIPE_API_BASE = sandbox_url
    settings.STRIPE_API_HOST = sandbox_url
    settings.STRIPE_CHECKOUT_ORIGIN = sandbox_url
    settings.OIDC_ISSUER = f"{sandbox_url}/realms/demo"
    directives = {**settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], "form-action": ["'self'", sandbox_url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": directives}
