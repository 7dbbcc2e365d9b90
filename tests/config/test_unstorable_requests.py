"""NUL in any part of a request, and JSON nested 100,000 deep: 400 at every address, never 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.clients.api_keys import create_key
from accounts.models import User
from tests.support.api_clients import make_client

pytestmark = pytest.mark.django_db

DEEP = "[" * 100_000 + "]" * 100_000
WORDS = {"slug": "a", "int": "1", "uuid": "3f8f5d92-f1fe-40ab-8a84-e00605782a15"}


@pytest.fixture
def staff() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("staff"), "django.contrib.auth.backends.ModelBackend")
    return client


def addresses(patterns: list[Any], before: str = "/") -> Iterator[str]:
    """Each address of the site, with a word for each thing that it names."""
    for pattern in patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix("/?")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and not set(route) & set("([\\*"):
            for kind, word in WORDS.items():
                route = "/".join(word if part.startswith(f"<{kind}:") else part for part in route.split("/"))
            yield "/".join("a" if part.startswith("<") else part for part in route.split("/"))


def test_a_nul_in_a_query_path_form_or_cookie_is_400_everywhere(staff: Client) -> None:
    everywhere = sorted(set(addresses(get_resolver().url_patterns)))
    assert len(everywhere) > 100
    for path in everywhere:
        for answer in (
            staff.get(f"{path}?page=%00"),
            staff.get(f"{path}?a%00b=1"),
            staff.get(path + "%00"),
        ):
            assert answer.status_code == 400, (path, answer.status_code)
        if not path.startswith("/api/"):  # they take no forms, and say so
            assert staff.post(path, {"q": "a\x00b"}).status_code == 400, path
    # As a header: newer versions of Python make no such cookie, but a browser's is read by them all.
    cookies = staff.cookies.output(header="", sep=";")
    assert staff.get("/credits/", headers={"Cookie": cookies}).status_code == 200
    assert staff.get("/credits/", headers={"Cookie": f'{cookies}; other="a\\000b"'}).status_code == 400


def test_a_nul_in_a_search_or_filter_of_any_admin_list_is_400(staff: Client) -> None:
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for query in ("q=%00", "o=%00", "id__exact=%00"):
            assert staff.get(f"{url}?{query}").status_code == 400, (url, query)


def test_json_that_no_database_or_parser_takes_is_400(staff: Client) -> None:
    secret = create_key(make_client(), name="k").secret
    service = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"}
    wrong = [DEEP, '{"a": ' + DEEP + "}", '{"package_code": "a\\u0000b"}', '{"package_code": "a\\ud800b"}']
    for path, headers in (
        ("/api/v1/billing/credits/purchase", None),
        ("/api/v1/billing/credits/estimate", None),
        ("/api/v1/credits/spends", service),
        ("/api/v1/credits/holds", service),
    ):
        for body in wrong:
            answer = staff.post(path, body, "application/json", headers=headers)
            assert answer.status_code == 400, (path, body[:40])


def test_what_only_looks_like_a_nul_or_like_depth_is_read(staff: Client) -> None:
    body = '{"prompt": "' + "[" * 500 + '\\\\u0000 \\ud83d\\ude00", "model": "none"}'
    answer = staff.post("/api/v1/billing/credits/estimate", body, "application/json")

    assert answer.json()["code"] != "parse_error"
