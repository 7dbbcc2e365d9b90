"""Twelve passwords tried each second leave the API its threads and its processor. On the real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from statistics import median
from threading import Event
from typing import Any

import pytest
import requests
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from accounts.models import User
from tests.ops.neighbours import Neighbours
from tests.support.sandbox import Sandbox, running_sandbox
from tests.support.served import running_site

pytestmark = pytest.mark.django_db(transaction=True)

TRIES_PER_SECOND = 12
LASTS_S = 8
# A spend or probe takes 0.01 s in the median, and 5 s where all passwords are checked at once.
SOON_S = 1
RIGHT = "correct-horse-7431"


@pytest.fixture(scope="module")
def quiet_stripe() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any, quiet_stripe: Sandbox) -> Iterator[str]:
    # As from a thousand machines: no limit by address stops them.
    with (
        django_db_blocker.unblock(),
        running_site(SANDBOX_URL=quiet_stripe.url, SIGN_IN_ADDRESS_FAILURES="1000000") as url,
    ):
        yield url


def sign_in(site: str, name: str, password: str) -> requests.Response:
    token = "c" * 32
    return requests.post(
        f"{site}/accounts/login/",
        {"username": name, "password": password},
        headers={"X-CSRFToken": token},
        cookies={settings.CSRF_COOKIE_NAME: token},
        timeout=90,
        allow_redirects=False,
    )


def test_twelve_tries_a_second_leave_spends_and_probes_quick_and_the_door_open(site: str) -> None:
    User.objects.create(username="ann", password=PBKDF2PasswordHasher().encode(RIGHT, "salt"))
    neighbours = Neighbours(site)
    stop, numbers = Event(), count()

    def guess() -> list[int]:
        seen = []
        while not stop.is_set():
            begun = time.monotonic()
            seen.append(sign_in(site, f"name-{next(numbers)}", "guess").status_code)
            stop.wait(max(0.0, 1 - (time.monotonic() - begun)))
        return seen

    with ThreadPoolExecutor(TRIES_PER_SECOND) as threads:
        guesses = [threads.submit(guess) for _ in range(TRIES_PER_SECOND)]
        try:
            meanwhile, until = [], time.monotonic() + LASTS_S
            while time.monotonic() < until:
                meanwhile += [neighbours.spend(), neighbours.probe()]
                time.sleep(0.1)
            came_in = any(sign_in(site, "ann", RIGHT).status_code == 302 for _ in range(30))
        finally:
            stop.set()
        tried = [status for each in guesses for status in each.result()]

    assert {each.answer.status_code for each in meanwhile} == {200, 201}
    assert median(each.seconds for each in meanwhile) < SOON_S
    assert set(tried) == {200, 503}  # some were checked, and the others asked to come again
    assert came_in
