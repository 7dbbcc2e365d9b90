"""A Stripe that takes 20 seconds for each answer stops whoever waits for it, and nobody else. On the real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import requests
from django.conf import settings

from accounts.models import User
from billing.purchases.models import Purchase
from tests.billing.calling import API, browser_of
from tests.ops.neighbours import Neighbours, Timed, timed
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox, point_settings_at, running_sandbox
from tests.support.served import THREADS, running_site

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS = "/v1/checkout/sessions"
BUYERS = 2 * THREADS
STRIPE_TAKES_S = 20
# Far from Stripe's 20 seconds, and from what a machine with other work takes for an answer.
SOON_S = 8
ANSWERED = {"spend": 201, "webhook": 200, "live": 200}


@pytest.fixture(scope="module")
def slow_stripe() -> Iterator[Sandbox]:
    """One of the module's own: what it carries out late, it carries out in nobody else's world."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, slow_stripe: Sandbox) -> Iterator[str]:
    # No repeats: a purchase that gets no answer would be three times as long about it, and the test too.
    with (
        django_db_blocker.unblock(),
        running_site(SANDBOX_URL=slow_stripe.url, GRANIAN_WORKERS="1", STRIPE_MAX_NETWORK_RETRIES="0") as url,
    ):
        yield url


@pytest.fixture(autouse=True)
def _shop(slow_stripe: Sandbox, site: str, settings: Any) -> Iterator[None]:
    point_settings_at(settings, slow_stripe.url, site)
    put_on_sale()
    yield
    slow_stripe.delete("/_sandbox/faults")


class Person:
    """A buyer with a session of the site."""

    def __init__(self, site: str, user: User) -> None:
        self.site, self.user = site, user
        self.cookies = {
            settings.SESSION_COOKIE_NAME: browser_of(user).cookies[settings.SESSION_COOKIE_NAME].value,
            settings.CSRF_COOKIE_NAME: "c" * 32,
        }

    def get(self, path: str) -> Timed:
        return timed(lambda: requests.get(self.site + path, cookies=self.cookies, timeout=90))

    def post(self, path: str, **body: Any) -> Timed:
        headers = {"X-CSRFToken": "c" * 32, "Idempotency-Key": "order-1"}
        return timed(
            lambda: requests.post(
                self.site + path,
                **body,
                cookies=self.cookies,
                headers=headers,
                timeout=90,
                allow_redirects=False,
            )
        )


def crowd(calls: Sequence[Callable[[], Timed]], meanwhile: Callable[[], Any]) -> tuple[list[Timed], Any]:
    """Makes the calls at once, and one second later what others do meanwhile."""
    with ThreadPoolExecutor(len(calls)) as threads:
        futures: list[Future[Timed]] = [threads.submit(call) for call in calls]
        time.sleep(1)
        others = meanwhile()
        return [future.result() for future in futures], others


def test_buyers_who_look_stop_nobody(site: str, slow_stripe: Sandbox) -> None:
    neighbours, people = Neighbours(site), [Person(site, UserFactory()) for _ in range(BUYERS)]
    pages = [f"/credits/success?session_id={start(person.user).session_id}" for person in people]
    slow_stripe.fault(method="GET", path=f"{SESSIONS}/*", delay_ms=STRIPE_TAKES_S * 1000, times=None)
    looks = [partial(person.get, page) for person, page in zip(people, pages, strict=True)]

    looked, others = crowd(looks, neighbours.all_at_once)

    assert [each.answer.status_code for each in looked] == [200] * BUYERS
    assert all("Processing your payment" in each.answer.text for each in looked)
    assert {name: each.answer.status_code for name, each in others.items()} == ANSWERED
    assert max(each.seconds for each in [*looked, *others.values()]) < SOON_S


def test_buyers_who_buy_stop_nobody_and_come_again_with_their_key(site: str, slow_stripe: Sandbox) -> None:
    neighbours, people = Neighbours(site), [Person(site, UserFactory()) for _ in range(BUYERS)]
    slow_stripe.fault(method="POST", path=SESSIONS, delay_ms=STRIPE_TAKES_S * 1000, times=None)
    orders = [partial(person.post, f"{API}purchase", json={"package_code": "pro"}) for person in people]

    bought, others = crowd(orders, neighbours.all_at_once)

    assert {name: each.answer.status_code for name, each in others.items()} == ANSWERED
    assert max(each.seconds for each in others.values()) < SOON_S
    refused = [n for n, each in enumerate(bought) if each.answer.json()["code"] == "stripe_busy"]
    assert len(refused) >= BUYERS - THREADS // 2
    assert max(bought[n].seconds for n in refused) < SOON_S
    assert {(bought[n].answer.status_code, bought[n].answer.headers["Retry-After"]) for n in refused} == {
        (503, "2")
    }
    assert Purchase.objects.count() == BUYERS - len(refused)

    slow_stripe.delete("/_sandbox/faults")
    assert orders[refused[0]]().answer.status_code == 201
