"""Who guesses passwords is stopped; who owns one gets in all the same; and no answer tells whether a name exists."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from accounts.limits.counters import counters, forget_counts
from accounts.models import User
from accounts.sign_in import password_tries
from config.environment import Environment
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)

RIGHT, WRONG = "correct-horse-7431", "wrong-horse-7431"
HOME, AWAY = "192.0.2.1", "198.51.100.7"


class CountingHasher(MD5PasswordHasher):
    """Django's, which says how often it was at work."""

    hashed = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.hashed += 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _one_window(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing was counted before, and no window ends during a test: it begins with 200 seconds left of this one."""
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    now = time.time() // 300 * 300 + 100
    monkeypatch.setattr("accounts.limits.rates.time.time", lambda: now)
    forget_counts()
    password_tries._places.cache_clear()
    yield
    forget_counts()
    password_tries._places.cache_clear()


@pytest.fixture(autouse=True)
def ann() -> User:
    return User.objects.create_user("ann", password=RIGHT)


def attempt(name: str, password: str = WRONG, address: str = HOME) -> Any:
    return Client(REMOTE_ADDR=address).post("/accounts/login/", {"username": name, "password": password})


def statuses(*answers: Any) -> list[int]:
    return [answer.status_code for answer in answers]


def test_a_guesser_is_stopped_and_the_owner_gets_in_from_elsewhere(settings: Any) -> None:
    settings.SIGN_IN_FAILURES = 3
    User.objects.create_user("bob", password=RIGHT)
    assert statuses(attempt("ann"), attempt("ANN"), attempt("Ann")) == [200, 200, 200]
    refused = attempt("ann", RIGHT)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "200")
    page = refused.content.decode()
    assert "Too many sign-in attempts. Please try again in 4 minutes." in page
    assert 'name="password"' in page
    assert "aria-invalid" not in page
    assert refused.wsgi_request.user.is_anonymous
    assert statuses(attempt("bob", RIGHT), attempt("ann", RIGHT, AWAY)) == [302, 302]


def test_while_many_try_one_name_each_has_fewer_tries_and_its_owner_still_gets_in(settings: Any) -> None:
    settings.SIGN_IN_FAILURES, settings.SIGN_IN_NAME_FAILURES = 4, 6
    tries = [[attempt("ann", address=f"203.0.113.{host}").status_code for _ in range(5)] for host in range(9)]
    allowed = [each.count(200) for each in tries]

    assert (allowed[0], allowed[-1]) == (4, 2)
    assert allowed == sorted(allowed, reverse=True)
    assert {status for each in tries for status in each} == {200, 429}
    assert statuses(attempt("ann", address=AWAY), attempt("ann", RIGHT, AWAY)) == [200, 302]


def test_an_address_that_tries_many_names_is_stopped_and_no_other(settings: Any) -> None:
    settings.SIGN_IN_ADDRESS_FAILURES = 3
    line = [attempt(f"name-{n}", address=f"2001:db8::{n + 1}") for n in range(5)]

    assert statuses(*line) == [200, 200, 200, 429, 429]
    assert statuses(attempt("ann", RIGHT, "2001:db8:0:1::1"), attempt("ann", RIGHT, "2001:db8::99")) == [
        302,
        429,
    ]


def test_what_one_address_is_refused_takes_no_tries_from_others(settings: Any) -> None:
    settings.SIGN_IN_FAILURES, settings.SIGN_IN_NAME_FAILURES = 4, 6
    assert statuses(*[attempt("ann") for _ in range(40)]) == [200] * 4 + [429] * 36

    assert statuses(*[attempt("ann", address=AWAY) for _ in range(4)]) == [200, 200, 200, 429]


def test_no_answer_tells_whether_there_is_such_a_user(settings: Any) -> None:
    settings.SIGN_IN_FAILURES = 2
    User.objects.create_user("off", password=RIGHT, is_active=False)
    User.objects.create_user("provider")  # without a password
    found = set()
    for name in ["ann", "off", "provider", "nobody"]:
        hashed, answers = [], []
        for _ in range(4):
            CountingHasher.hashed = 0
            answers.append(attempt(name))
            hashed.append(CountingHasher.hashed)
        found.add((*statuses(*answers), *hashed, *[anonymous(answer, name) for answer in answers]))

    assert len(found) == 1
    assert found.pop()[:8] == (200, 200, 429, 429, 1, 1, 0, 0)


def anonymous(answer: Any, name: str) -> str:
    """The page without what differs each time, and without the name that was typed."""
    page = re.sub(r'(nonce|name="csrfmiddlewaretoken" value)="[^"]+"', "", answer.content.decode())
    return page.replace(f'value="{name}"', "")


def test_right_passwords_count_nothing_and_forgive_nothing(settings: Any) -> None:
    settings.SIGN_IN_FAILURES = settings.SIGN_IN_ADDRESS_FAILURES = 3
    assert {attempt("ann", RIGHT).status_code for _ in range(10)} == {302}
    assert statuses(attempt("ann"), attempt("ann"), attempt("ann", RIGHT), attempt("ann")) == [
        200,
        200,
        302,
        200,
    ]

    assert attempt("ann", RIGHT).status_code == 429


def test_tries_at_the_same_moment_are_all_counted(settings: Any) -> None:
    settings.SIGN_IN_FAILURES, settings.SIGN_IN_CHECKS = 3, 12
    answers = at_once(*[partial(attempt, "ann")] * 12)

    assert sorted(statuses(*answers)) == [200] * 3 + [429] * 9


def test_while_others_passwords_are_checked_one_waits_and_is_asked_to_come_again(settings: Any) -> None:
    settings.SIGN_IN_FAILURES = 1
    done, at_work = threading.Event(), threading.Event()

    def hold_the_place() -> None:
        with password_tries._places().take(0):
            at_work.set()
            done.wait(20)

    holder = threading.Thread(target=hold_the_place)
    holder.start()
    try:
        assert at_work.wait(20)
        CountingHasher.hashed = 0
        refused = [attempt("ann", RIGHT) for _ in range(2)]
    finally:
        done.set()
        holder.join()

    assert [(each.status_code, each.headers["Retry-After"]) for each in refused] == [(503, "2")] * 2
    assert "Many people are signing in right now" in refused[0].content.decode()
    assert CountingHasher.hashed == 0
    assert attempt("ann", RIGHT).status_code == 302  # neither counted


def test_without_the_cache_each_process_counts_alone(settings: Any) -> None:
    settings.SIGN_IN_FAILURES, settings.COUNT_STORE = 3, "redis"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.CACHES = {
            "default": Environment.cache_url_config(f"redis://127.0.0.1:{nobody.getsockname()[1]}/0")
        }
        assert statuses(*[attempt("ann") for _ in range(4)]) == [200] * 3 + [429]
        assert statuses(attempt("ann", RIGHT, AWAY), attempt("ann", address=AWAY)) == [302, 200]


def test_names_are_in_no_log_and_in_no_count(caplog: pytest.LogCaptureFixture, settings: Any) -> None:
    settings.SIGN_IN_FAILURES = 1
    caplog.set_level("INFO")
    secret = "typed-into-the-wrong-field"
    assert statuses(attempt(secret), attempt(secret)) == [200, 429]

    assert "rate_limited" in caplog.text
    assert "sign-in-pair:" in caplog.text
    assert secret not in caplog.text
    names = counters()._counts
    assert len(names) >= 3
    assert not [name for name in names if secret in name]


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/login"])
def test_the_admins_own_sign_in_checks_no_password(path: str) -> None:
    browser = Client()
    CountingHasher.hashed = 0
    answer = browser.post(path, {"username": "ann", "password": RIGHT}, follow=True)

    assert answer.request["PATH_INFO"] == "/accounts/login/"
    assert CountingHasher.hashed == 0
    assert answer.wsgi_request.user.is_anonymous
