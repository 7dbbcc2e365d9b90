"""The addresses of the admin's pages, and what a page links to."""

from __future__ import annotations

import html
import re
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.messages import get_messages
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

LINK = re.compile(r'<a class="admin-link" href="([^"]+)"')


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{_name(model)}_changelist")


def add_to(model: type[Model]) -> str:
    return reverse(f"admin:{_name(model)}_add")


def page_of(row: Model, page: str = "change") -> str:
    return reverse(f"admin:{_name(type(row))}_{page}", args=[quote(row.pk)])


def button_of(row: Model, name: str) -> str:
    """The address that a button of the row's page posts to."""
    return reverse(f"admin:{_name(type(row))}_{name}", args=[quote(row.pk)])


def press(client: Client, row: Model, name: str, **headers: str) -> Any:
    """Presses a button and says yes to its dialog, as unfold's form does; with a reason, where one is asked."""
    answers = {"_form_submitted": "True", "reason": "The job died"}
    return client.post(button_of(row, name), answers, headers=headers or None)


def read(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    return html.unescape(answer.content.decode())


def rows_of(client: Client, url: str, **query: str) -> list[Any]:
    """The rows that a list shows."""
    answer = client.get(url, query)
    assert answer.status_code == 200, f"{url}: {answer.status_code}"
    return list(answer.context["cl"].result_list)


def links_on(client: Client, url: str) -> set[str]:
    return set(LINK.findall(read(client, url)))


def history_of(row: Model) -> list[tuple[str, str]]:
    """Who did what to the row, as its history page shows it."""
    entries = LogEntry.objects.filter(object_id=str(row.pk), content_type__model=row._meta.model_name)
    return [(entry.user.get_username(), entry.get_change_message()) for entry in entries.order_by("id")]


def messages_after(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def _name(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)
