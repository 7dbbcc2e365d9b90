"""The pages that read from the replica, and what they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib import admin
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.database.replica.routing import PRIMARY
from tests.admin.pages import list_of
from tests.teams.forms import form_on

HISTORY, STATEMENT, BUY = "/credits/history/", "/credits/statement/", "/credits/buy"
# What tells who somebody is and what they may see, what they did last in the admin, and how far the log is.
OF_THE_PRIMARY = re.compile(
    r'(FROM|INTO|UPDATE) "?(accounts_user|auth_|django_session|django_content_type|django_admin_log|teams_|clients_|'
    r"audit_)|_wal_|^(BEGIN|COMMIT)$"
)


def pages_of_staff() -> list[str]:
    registered = admin.site._registry.items()
    lists = [list_of(model) for model, page in registered if getattr(page, "lists_from_replica", False)]
    return ["/admin/", *lists, "/admin/figures/revenue.csv", "/admin/credits/entry/download/"]


def logged(caplog: pytest.LogCaptureFixture, event: str) -> int:
    return sum(event in record.getMessage() for record in caplog.records)


def take_free_pack(browser: Client) -> None:
    answer = browser.post(BUY, form_on(browser, "/credits/", BUY))
    assert answer.status_code == 303, answer.content


def shown(browser: Client, page: str) -> str:
    answer = browser.get(page)
    assert answer.status_code == 200, answer.content
    return b"".join(answer).decode() if answer.streaming else str(answer.content.decode())


@contextmanager
def asked_of_the_primary() -> Iterator[list[str]]:
    """Collects the queries for what pages show; complete once the block has ended."""
    found: list[str] = []
    with CaptureQueriesContext(connections[PRIMARY]) as queries:
        yield found
    found += [query["sql"] for query in queries if not OF_THE_PRIMARY.search(query["sql"])]
