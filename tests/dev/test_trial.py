"""The trial finds whatever was lost, done twice or never tried: its load and its proof against the real site."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg
import pytest

from dev.cluster import haproxy
from dev.trial import preparing
from dev.trial.load import Load
from dev.trial.log import NO_ANSWER, Attempt, Log
from dev.trial.promotions import RECOVERY_S, sum_up
from dev.trial.proof import Delivery, Findings, check_load, compare, is_settled
from tests.billing.worker import run_worker
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.served import ROOT, database_url

KINDS = ("spend", "hold", "capture", "own entries", "read", "purchase")


def find(connection: psycopg.Connection[Any], log: Log, deliveries: list[Delivery]) -> str:
    found = Findings()
    compare(connection, log, deliveries, found)
    return "\n".join(found.wrong)


# --- The proof ------------------------------------------------------------------------------------------------------

# What is lost or doubled after the load, and what the proof must then say.
LOSSES = {
    "DELETE FROM credits_entry WHERE kind = 'spend' AND key LIKE '%:s-%'": "was acknowledged, and booked: None",
    'INSERT INTO credits_entry SELECT (jsonb_populate_record(e, \'{"id": 0, "version": 0, "key": "again:s-0"}\')).* '
    "FROM credits_entry e WHERE kind = 'spend' LIMIT 1": "was booked, and never acknowledged",
    "DELETE FROM credits_hold": "and made: None",
    "INSERT INTO credits_hold SELECT (jsonb_populate_record(h, jsonb_build_object("
    "'id', gen_random_uuid(), 'key', 'again:' || split_part(key, ':', -1)))).* "
    "FROM credits_hold h LIMIT 1": "and made: [(",
    "UPDATE credits_hold SET captured = 3": "'captured'), and made: [(",
    "DELETE FROM credits_entry WHERE kind = 'purchase'": "was paid, and is completed: 0 entries, 0 credits",
    "UPDATE purchases_purchase SET status = 'failed', completed_at = NULL": "was paid, and is failed: 1 entries",
    "DELETE FROM inbox_inboxevent WHERE type = 'payment_intent.succeeded'": "was answered 2xx, and isn't in the inbox",
    "UPDATE inbox_inboxevent SET status = 'ignored'": "webhooks are ignored",
    "DELETE FROM receipts_receipt": "has 0 receipts, and 1 confirmations that succeeded",
    "UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = 'billing.send_confirmation'": (
        "has 1 receipts, and 0 confirmations that succeeded"
    ),
    "UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = 'billing.mirror_event'": (
        "jobs of billing.mirror_event are failed"
    ),
    "UPDATE procrastinate_jobs SET status = 'todo' WHERE task_name = 'billing.mirror_event'": (
        "jobs of billing.mirror_event are todo"
    ),
}


@pytest.mark.django_db(transaction=True)
def test_the_proof_finds_each_loss_after_a_load(sandbox: Sandbox, live_server: Any) -> None:
    log = run_load(sandbox, live_server.url)
    deliveries = [
        Delivery(each["event"], each["type"], each["state"])
        for each in sandbox.get("/_sandbox/webhooks")["deliveries"]
    ]
    with psycopg.connect(database_url()) as connection:
        assert not is_settled(connection)
    run_worker(4)
    with psycopg.connect(database_url(), autocommit=True) as connection:
        assert is_settled(connection)
        assert (log.oddities, find(connection, log, deliveries)) == ([], "")
        for loss, said in LOSSES.items():
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL session_replication_role = replica")  # no guard minds
                assert connection.execute(loss).rowcount, loss
                assert said in find(connection, log, deliveries), loss
        for state in ("pending", "failed"):
            undelivered = [Delivery("evt_1", "refund.created", state)]
            assert f"webhook evt_1 (refund.created) is {state}" in find(connection, log, undelivered)
        log.purchases.popitem()
        assert "was credited, and never paid" in find(connection, log, deliveries)


def run_load(sandbox: Sandbox, url: str) -> Log:
    """Run every kind of load until each of them has succeeded, and the webhooks are delivered."""
    put_on_sale()
    needed = preparing.prepare(3)
    log = Log()
    load = Load(url, sandbox.url, needed["key"], needed["accounts"], log)
    load.start(spenders=1, a_second=10)
    wait_for(lambda: log.count_successes().keys() >= set(KINDS) and len(log.purchases) > 0)
    load.stop()
    sandbox.wait_for_webhooks()
    assert load.planned.keys() == set(KINDS)
    return log


def wait_for(is_so: Any) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_kind_of_load_of_which_too_little_succeeded_is_found() -> None:
    log = Log()
    for _ in range(4):
        log.add(Attempt("spend", 0, 0.1, 201))
        log.add(Attempt("purchase", 0, 0.1, 201))  # and none was paid
    log.add(Attempt("hold", 0, 0.1, 409))
    found = Findings()
    check_load(log, {"spend": 1, "hold": 0.1, "purchase": 0.1}, 10, found)
    assert found.wrong == [
        "hold: 0 succeeded in 10 s, and 1 should have at least",
        "purchase: 0 succeeded in 10 s, and 1 should have at least",
    ]
    check_load(log, {"spend": 2}, 20, found)
    assert found.wrong[2:] == ["spend: 4 succeeded in 20 s, and 12 should have at least"]


# --- The load -------------------------------------------------------------------------------------------------------


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """Give the address of a site that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "oddities"),
    [
        (403, "no", {"spend: 403 no", "hold: 403 no", "read: 403 no", "token: 403 no"}),
        (200, "{}", {"spend: 200 {}", "hold: 200 {}", "purchase: KeyError: 'access_token'"}),
    ],
)
def test_whatever_is_unexpected_is_an_oddity_and_the_load_goes_on(
    status: int, body: str, oddities: set[str]
) -> None:
    log = Log()
    with answering(status, body) as site:
        load = Load(site, site, "key", ["account"], log)
        load.start(spenders=1, a_second=10)
        try:
            wait_for(lambda: set(log.oddities) >= oddities and log.oddities.count(min(oddities)) > 1)
        finally:
            load.stop()
    assert not [oddity for oddity in log.oddities if "thread" in oddity]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_an_oddity() -> None:
    log = Log()
    load = Load("", "", "", [], log)
    load._run(lambda _caller: sys.exit(), 0.01, "spend")
    wait_for(lambda: not load._threads[0].is_alive())
    load.stop()
    assert log.oddities == ["spend: the thread ended before it was stopped"]


# --- The promotions -------------------------------------------------------------------------------------------------

KILLS = [(100.0, 100.1), (200.0, 200.1)]


def log_of(*silences: tuple[float, float]) -> Log:
    """A spend a second for five minutes, but for these times."""
    log = Log()
    for moment in range(300):
        if not any(begun < moment < ended for begun, ended in silences):
            log.add(Attempt("spend", moment - 0.1, 0.1, 201))
    return log


@pytest.mark.parametrize(
    ("promotions", "silences", "wrong"),
    [
        ([(100.5, 102), (200.5, 202)], [(100, 103)], []),
        ([(100.5, 102)], [], ["the primary was killed, and no standby was promoted"]),
        ([(90, 95), (200.5, 202)], [], ["the primary was killed, and no standby was promoted"]),
        ([], [], ["the primary was killed, and no standby was promoted"] * 2),
        (
            [(100.5, 101 + RECOVERY_S), (200.5, 202)],
            [],
            [f"the next primary took writes {RECOVERY_S + 1}.0 s after the last was killed"],
        ),
        # Writes come back only long after the promotion.
        (
            [(100.5, 102), (200.5, 202)],
            [(200, 201 + RECOVERY_S)],
            [f"no spend was acknowledged for {RECOVERY_S + 1}.0 s around a promotion"],
        ),
        # … or never again.
        (
            [(100.5, 102), (200.5, 202)],
            [(200, 299)],
            ["no spend was acknowledged for 99.0 s around a promotion"],
        ),
    ],
)
def test_each_killed_primary_needs_a_promotion_in_time(
    promotions: list[tuple[float, float]], silences: list[tuple[float, float]], wrong: list[str]
) -> None:
    found = Findings()
    assert len(sum_up(KILLS, promotions, log_of(*silences), found)) == len(promotions)
    assert found.wrong == wrong


def test_who_is_let_down_outside_of_a_promotion_is_found() -> None:
    log, found = log_of(), Findings()
    log.add(Attempt("read", 100, 1.0, 503))
    log.add(Attempt("read", 150, 1.0, NO_ANSWER))
    (first, _second) = sum_up(KILLS, [(100.5, 102), (200.5, 202)], log, found)
    assert (first.seconds_without_writes, first.failed) == (1.0, 1)
    assert found.wrong == ["read was let down (0) outside of a promotion"]


# --- The proxy ------------------------------------------------------------------------------------------------------


def test_the_documented_proxy_is_the_one_that_is_tried() -> None:
    page = (ROOT / "docs/scale.md").read_text()
    documented = page.split("## HAProxy\n\n```\n")[1].split("\n```")[0]
    tried = haproxy.CONFIGURATION.format(folder="", port=0, webhook=haproxy.WEBHOOK, servers="")
    lines = documented.replace("credits.example.com", "localhost").splitlines()
    assert set(lines) <= {line.strip() for line in tried.splitlines()}
