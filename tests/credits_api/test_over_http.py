"""Retries through a real server: whatever breaks on the way, a key happens once."""

from __future__ import annotations

import socket
import struct
import threading
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlparse

import pytest
import requests
from django.db import connection, transaction

from credits.ledger.models import Account
from tests.credits_api.calling import API, Service, books
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 10


def post(site: str, service: Service, account: Account, key: str) -> requests.Response:
    headers = {**service.headers(), "Idempotency-Key": key}
    body = {"account": str(account.pk), "amount": "2.5"}
    return requests.post(f"{site}{API}spends", json=body, headers=headers, timeout=PATIENCE_S)


def send_and_hang_up(site: str, service: Service, account: Account, key: str) -> None:
    """Sends a whole request and resets the connection before anything is answered."""
    body = f'{{"account": "{account.pk}", "amount": "2.5"}}'
    address = urlparse(site)
    lines = [
        f"POST {API}spends HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: Bearer {service.secret}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    caller = socket.create_connection((address.hostname, address.port))
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.sendall("\r\n".join([*lines, "", body]).encode())
    caller.close()


def until(condition: Any) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_lost_answer_is_got_by_asking_again(service: Service, account: Account, live_server: Any) -> None:
    send_and_hang_up(live_server.url, service, account, "job-1")
    until(lambda: books(account)[1] == 1)
    answer = post(live_server.url, service, account, "job-1")

    assert answer.status_code == 201
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert (answer.json()["balance_after"], answer.headers["Credits-Balance"]) == ("97.5", "97.5")
    assert books(account) == (Decimal("97.5"), 1)


def test_the_same_key_many_times_at_once_happens_once(
    service: Service, account: Account, live_server: Any
) -> None:
    answers = at_once(*[lambda: post(live_server.url, service, account, "job-1")] * 6)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert books(account) == (Decimal("97.5"), 1)


def test_a_database_that_goes_away_in_the_middle_is_503_and_the_repeat_succeeds(
    service: Service, account: Account, live_server: Any
) -> None:
    answers: list[requests.Response] = []
    caller = threading.Thread(target=lambda: answers.append(post(live_server.url, service, account, "job-1")))
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        caller.start()
        until(lambda: _kill_who_waits() > 0)
    caller.join(PATIENCE_S)
    again = post(live_server.url, service, account, "job-1")

    [refused] = answers
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "1"
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers
    assert books(account) == (Decimal("97.5"), 1)


def _kill_who_waits() -> int:
    """Ends the server's connections that wait for this one; gives how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        killed: int = cursor.fetchone()[0]
    return killed
