"""Two web processes, each as production runs it, hold a caller to one limit: with PostgreSQL, and with Redis."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest
import requests
from django.db import connection

from accounts.clients.api_keys import create_key
from accounts.clients.models import Scope
from dev.demo import free_port
from tests.credits.builders import funded
from tests.support.api_clients import make_client
from tests.support.programs import needed
from tests.support.served import running_site

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 12


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [
        needed("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        yield process, port
        process.kill()


@pytest.fixture(scope="module")
def two_sites(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[..., list[str]]]:
    """Start two web processes on the test's database, and give their addresses."""
    with django_db_blocker.unblock(), ExitStack() as running, ThreadPoolExecutor(2) as threads:

        def start(**environment: str) -> list[str]:
            sites = [running_site(GRANIAN_WORKERS="1", **environment) for _ in range(2)]
            return list(threads.map(running.enter_context, sites))

        yield start


class Service:
    """A service that may make ``LIMIT`` requests a minute, and turns to each site in turn."""

    def __init__(self, sites: list[str]) -> None:
        client = make_client(oidc_client_id=None, scopes=[Scope.SPEND], requests_per_minute=LIMIT)
        self.headers = {"Authorization": f"Bearer {create_key(client, name='k').secret}"}
        self.account: UUID = funded(100).pk
        self.sites = cycle(sites)
        self.spent = 0

    def spend(self, _number: int = 0) -> requests.Response:
        self.spent += 1
        return requests.post(
            f"{next(self.sites)}/api/v1/credits/spends",
            json={"account": str(self.account), "amount": "1"},
            headers={**self.headers, "Idempotency-Key": f"spend-{self.spent}"},
            timeout=30,
        )

    def spend_at_once(self, times: int) -> list[int]:
        with ThreadPoolExecutor(4) as threads:
            return sorted(answer.status_code for answer in threads.map(self.spend, range(times)))


def early_in_a_minute() -> None:
    """Leave a window for the whole of what follows, on a busy machine too."""
    left = 60 - time.time() % 60
    if left < 20:
        time.sleep(left)


def test_one_limit_holds_over_two_processes_with_postgresql(two_sites: Callable[..., list[str]]) -> None:
    service = Service(two_sites())
    early_in_a_minute()
    assert service.spend_at_once(LIMIT + 6) == [201] * LIMIT + [429] * 6
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM limits_count RETURNING count")
        assert (LIMIT + 6,) in cursor.fetchall()


def test_one_limit_holds_over_two_processes_with_redis_and_nobody_is_refused_without_it(
    two_sites: Callable[..., list[str]], redis: tuple[subprocess.Popen[bytes], int]
) -> None:
    process, port = redis
    patience = "socket_timeout=5&socket_connect_timeout=5"  # other tests may need the processors
    service = Service(sites := two_sites(CACHE_URL=f"redis://127.0.0.1:{port}/0?{patience}"))
    early_in_a_minute()
    assert service.spend_at_once(LIMIT + 6) == [201] * LIMIT + [429] * 6

    process.kill()
    process.wait()
    other = Service(sites)
    assert other.spend_at_once(LIMIT) == [201] * LIMIT
