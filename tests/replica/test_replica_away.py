"""A replica that dies, lags, keeps silent or was promoted: pages go on from the primary, and the log says so once."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from core import breaker
from core.database.replica import freshness
from core.database.replica.positions import as_number, written_position
from core.database.replica.reading import again_on_primary, keep_reading, reading_from_replica
from core.database.replica.routing import PRIMARY, REPLICA
from credits.ledger.models import Entry
from credits.ledger.selectors import standing_of_account
from dev.cluster.keeper import Keeper
from dev.cluster.pgbouncer import PgBouncer
from dev.cluster.postgres import SUPERUSER
from dev.demo import free_port
from dev.programs import find, why_not_run
from tests.billing.calling import browser_of
from tests.credits.builders import funded
from tests.replica.pages import (
    HISTORY,
    logged,
    shown,
    take_free_pack,
)
from tests.support.builders import PackageFactory, UserFactory
from tests.support.replicas import NAME, Pair, pooled_by

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=[PRIMARY, REPLICA]),
    pytest.mark.usefixtures("new_process"),
]


def test_without_the_replica_pages_go_on_and_the_log_says_so_once(
    pair: Pair, ada: User, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.3)
    browser = browser_of(ada)
    shown(browser, HISTORY)
    pair.standby.kill()
    try:
        with caplog.at_level(logging.INFO):
            begun = time.monotonic()
            for _ in range(6):
                shown(browser, HISTORY)
            waited = time.monotonic() - begun
    finally:
        pair.standby.start()
    assert logged(caplog, "replica_away") == 1
    assert waited < 5  # not each waits a second for a connection
    with caplog.at_level(logging.INFO):
        until = time.monotonic() + 20
        while not logged(caplog, "replica_back"):
            assert time.monotonic() < until
            time.sleep(0.1)
            shown(browser, HISTORY)
        assert logged(caplog, "replica_back") == 1


def test_a_replica_that_dies_while_a_page_is_read_gives_way_to_the_primary(pair: Pair) -> None:
    account = funded(100)
    pair.catch_up()
    try:
        with reading_from_replica() as reading:
            lines = keep_reading(str(again_on_primary(Entry.objects.count)) for _ in range(3))
            assert reading.place == REPLICA
            assert next(lines) == "1"
            pair.standby.kill()
            assert again_on_primary(lambda: standing_of_account(account).balance) == 100
            assert reading.place == PRIMARY
        assert list(lines) == ["1", "1"]
    finally:
        pair.standby.start()


@pytest.fixture
def bouncer(pair: Pair) -> Iterator[PgBouncer]:
    if find("pgbouncer") is None:
        pytest.skip(why_not_run("pgbouncer"))
    with TemporaryDirectory(prefix="credits-") as folder:
        Path(folder).chmod(0o755)  # it refuses to run as root
        bouncer = PgBouncer(Path(folder), free_port(), NAME, SUPERUSER)
        bouncer.lead_to(pair.primary, pair.standby)
        keeper = Keeper(Path(folder) / "log", print)
        keeper.start("pgbouncer", bouncer.program)
        try:
            yield bouncer
        finally:
            keeper.stop_all()


def test_behind_a_pooler_own_writes_are_seen_and_a_silent_replica_is_left(
    pair: Pair, ada: User, bouncer: PgBouncer
) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    pair.catch_up()
    with pooled_by(bouncer):
        buyer, elsewhere = browser_of(ada), browser_of(ada)
        with pair.paused():
            take_free_pack(buyer)
            assert "Welcome" in shown(buyer, HISTORY)
            assert "Welcome" not in shown(elsewhere, HISTORY)
        pair.standby.kill()
        try:
            # PgBouncer takes the question, and waits for its server for ten seconds.
            begun = time.monotonic()
            assert "Welcome" in shown(elsewhere, HISTORY)
            assert time.monotonic() - begun < 5
        finally:
            pair.standby.start()


def test_a_replica_too_far_behind_is_not_read_and_the_log_says_so_once(
    pair: Pair, ada: User, settings: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "LONG_S", 0.2)
    settings.DATABASE_REPLICA_LAG_SECONDS = 0.5
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    elsewhere = browser_of(ada)
    with caplog.at_level(logging.INFO), pair.paused():
        take_free_pack(browser_of(ada))
        until = time.monotonic() + 20
        while "Welcome" not in shown(elsewhere, HISTORY):
            assert time.monotonic() < until
            time.sleep(0.05)
        while not logged(caplog, "replica_behind"):
            assert time.monotonic() < until
            shown(elsewhere, HISTORY)
        for _ in range(5):
            shown(elsewhere, HISTORY)
        assert logged(caplog, "replica_behind") == 1
    pair.catch_up()
    with caplog.at_level(logging.INFO):
        shown(elsewhere, HISTORY)
        assert logged(caplog, "replica_caught_up") == 1


def test_a_server_that_takes_writes_is_no_replica(
    pair: Pair, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    replica = connections[REPLICA]
    replica.close()
    replica.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has one
    port, replica.settings_dict["PORT"] = replica.settings_dict["PORT"], pair.primary.port
    try:
        with caplog.at_level(logging.WARNING), reading_from_replica() as reading:
            assert reading.place == PRIMARY
        assert logged(caplog, "NotAReplica") == 1
    finally:
        replica.close()
        replica.close_pool()  # type: ignore[attr-defined]
        replica.settings_dict["PORT"] = port


def test_behind_a_balancer_a_promoted_replica_is_left_for_another(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", 0.0)
    replica: Any = connections[REPLICA]
    options = {**replica.settings_dict["OPTIONS"], "pool": {"min_size": 3, "max_size": 3}}
    replica.close()
    monkeypatch.setitem(replica.settings_dict, "OPTIONS", options)
    monkeypatch.setitem(replica.settings_dict, "PORT", pair.primary.port)
    try:
        replica.pool.open(wait=True)  # all three lead to the server that was promoted
        replica.pool.kwargs["port"] = pair.standby.port  # and new ones to another
        with reading_from_replica() as reading:
            assert reading.place == PRIMARY
        for _ in range(3):
            with reading_from_replica() as reading:
                assert reading.place == REPLICA
    finally:
        replica.close()
        replica.close_pool()


def test_a_position_covers_what_is_committed_without_waiting_for_the_disk(pair: Pair) -> None:
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for _ in range(10):
            UserFactory.create()
            cursor.execute("SELECT pg_current_wal_insert_lsn()")
            committed = as_number(cursor.fetchone()[0])
            assert written_position() >= committed
        cursor.execute("RESET synchronous_commit")
