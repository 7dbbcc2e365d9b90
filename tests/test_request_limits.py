"""Nothing can be asked without an end: each address has a limit, or stands here with the reason why it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.clients.api_keys import create_key
from accounts.limits.counters import forget_counts
from accounts.limits.requests import address_of
from accounts.models import User
from accounts.teams.shown_account import FIELD, account_key
from billing.purchases.models import Purchase
from tests.billing.calling import API, WEBHOOK, assert_problem, browser_of, post_json, send
from tests.support.api_clients import make_client
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

ANY_OF = {"uuid": str(uuid4()), "str": "x", "slug": "x", "path": "x", "int": "1"}
WITHOUT = {
    "/admin/": "staff at work, who go through long lists",
    "/health/": "probes",
    "/metrics": "Prometheus, which has a token",
    "/api/docs/": "a frame for scripts, which looks nothing up",
    "/api/v1/x": "nothing is there, and nothing is looked up",
}


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    forget_counts()
    yield
    forget_counts()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory(is_superuser=True, is_staff=True)
    return buyer


def addresses(patterns: Any, before: str = "/") -> Iterator[str]:
    """Every address of the site, with something for what it names."""
    for pattern in patterns:
        route = str(pattern.pattern)
        if route.startswith("^"):
            route = re.sub(r"/\?\$$|[\^$]", "", route)
        path = before + re.sub(r"<(\w+):\w+>", lambda found: ANY_OF[found[1]], route)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        else:
            assert isinstance(pattern, URLPattern)
            yield path


def test_every_address_has_a_limit_or_a_reason(user: User, settings: Any) -> None:
    settings.PERSON_RATE = settings.WEBHOOK_RATE = settings.CREDITS_API_RATE = 0
    person = browser_of(user)
    service = Client(headers={"Authorization": f"Bearer {create_key(make_client(), name='k').secret}"})
    walked = [path for path in addresses(get_resolver().url_patterns) if not path.startswith(tuple(WITHOUT))]

    assert {"/credits/buy", "/teams/", f"{API}session/x", "/api/credits/webhook", "/accounts/logout/"} <= set(
        walked
    )
    for path in walked:
        who = service if path.startswith("/api/v1/credits/") else person
        # By a method that it takes: what it doesn't take is refused before anything is counted.
        answers = [who.get(path), who.post(path)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert limited, (path, [answer.status_code for answer in answers])
        assert {answer.status_code for answer in answers} <= {429, 405}, path
        assert all(0 < int(answer["Retry-After"]) <= 60 for answer in limited), path


def test_pages_and_the_api_count_together_and_each_person_alone(user: User, settings: Any) -> None:
    settings.PERSON_RATE = 2
    person = browser_of(user)
    assert [person.get("/credits/").status_code, person.get(f"{API}balance").status_code] == [200, 200]
    page, problem = person.get("/credits/"), person.get(f"{API}balance")

    assert page.status_code == 429
    assert "Too many requests" in page.content.decode()
    assert_problem(problem, 429, "rate_limited")
    assert browser_of(UserFactory()).get("/credits/").status_code == 200
    assert person.get("/health/live").status_code == 200


def test_the_limit_of_purchases_holds_on_the_page_as_over_the_api(
    user: User, sandbox: Sandbox, settings: Any
) -> None:
    put_on_sale()
    settings.PURCHASE_RATE = (2, 60)
    buyer = browser_of(user)
    order = {"package_code": "pro", FIELD: account_key(None)}
    assert buyer.post("/credits/buy", order).status_code == 303
    assert post_json(buyer, "/api/credits/purchase", {"package_id": "pro"}).status_code == 200

    again = buyer.post("/credits/buy", order, follow=True)
    assert "started too many purchases" in again.content.decode()
    assert_problem(post_json(buyer, "purchase", {"package_code": "pro"}), 429, "throttled")
    assert Purchase.objects.count() == 2


def test_a_delivery_too_many_is_refused_before_its_body_is_read(settings: Any) -> None:
    settings.WEBHOOK_RATE = 1
    too_long = b" " * (settings.WEBHOOK_MAX_BYTES + 1)

    assert send(b"{}", "t=1,v1=00").status_code == 400
    assert_problem(send(too_long, "t=1,v1=00"), 429, "rate_limited")
    assert send(b"{}", "t=1,v1=00", client=Client(REMOTE_ADDR="192.0.2.7")).status_code == 400
    assert send(b"{}", "t=1,v1=00", "/api/credits/webhook").status_code == 429
    assert WEBHOOK in "".join(addresses(get_resolver().url_patterns))


@pytest.mark.parametrize(
    ("caller", "counted"), [("192.0.2.1", "192.0.2.1"), ("2001:db8::1:2", "2001:db8::/64")]
)
def test_a_subscriber_with_ipv6_is_counted_by_network(rf: Any, caller: str, counted: str) -> None:
    assert address_of(rf.get("/", REMOTE_ADDR=caller)) == counted
