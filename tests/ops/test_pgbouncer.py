"""PgBouncer in transaction mode, of each version that is here: statements are prepared where it keeps them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from structlog.testing import capture_logs

from config.environment import Environment
from core.database.pooler import Pooler, pooler_of, prepare_only_if_kept
from core.database.prepared import PreparedStatements
from core.jobs.worker import connection_options, warn_of_pooler
from dev.cluster.keeper import Keeper
from dev.cluster.pgbouncer import BUILT, PgBouncer, keeps_prepared_statements
from dev.cluster.postgres import Server
from dev.demo import free_port
from dev.programs import find, why_not_run

pytestmark = pytest.mark.django_db  # connections of its own, which the mark allows

PROGRAMS = [path for path in (find("pgbouncer"), str(BUILT) if BUILT.exists() else None) if path]
CLIENTS, STATEMENTS = 6, 40


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_folder() as folder:
        server = Server("one", folder, free_port())
        server.create()
        server.start()
        server.create_database("credits", "credits")
        yield server
        server.stop()


NONE = pytest.param("", marks=pytest.mark.skip(why_not_run("pgbouncer")))


@pytest.fixture(scope="module", params=[*PROGRAMS, *([] if PROGRAMS else [NONE])])
def bouncer(request: pytest.FixtureRequest, server: Server) -> Iterator[PgBouncer]:
    with open_folder() as folder:
        bouncer = PgBouncer(folder, free_port(), "credits", "credits", request.param)
        bouncer.lead_to(server, server)
        keeper = Keeper(folder / "log", print)
        keeper.start("pgbouncer", bouncer.program)
        wait_until_it_answers(bouncer)
        yield bouncer
        keeper.stop_all()


@contextmanager
def open_folder() -> Iterator[Path]:
    """Outside of pytest's own, which only its user may enter: both programs refuse to run as root."""
    with TemporaryDirectory(prefix="credits-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def wait_until_it_answers(bouncer: PgBouncer) -> None:
    for _ in range(100):
        try:
            psycopg.connect(bouncer.url()).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PgBouncer did not start")


@pytest.fixture(autouse=True)
def nothing_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler_of("default"), "_keeps", None)


def connect(bouncer: PgBouncer) -> DatabaseWrapper:
    """A connection as Django makes it behind PgBouncer."""
    settings: dict[str, Any] = Environment.db_url_config(bouncer.url(), "django.db.backends.postgresql")
    settings |= {"DISABLE_SERVER_SIDE_CURSORS": True, "OPTIONS": {"prepare_threshold": 5}}
    connections.configure_settings({"default": settings})  # fills in the rest
    wrapper = DatabaseWrapper(settings)
    wrapper.inc_thread_sharing()
    wrapper.ensure_connection()
    return wrapper


def test_many_clients_get_their_own_answers(bouncer: PgBouncer) -> None:
    def ask(client: int) -> list[Any]:
        wrapper = connect(bouncer)
        statements = PreparedStatements(wrapper.connection)
        answers: list[Any] = []
        for number in range(STATEMENTS):
            asked = f"SELECT {number % 3} + %s::int + pg_backend_pid() * 0"
            if statements.can_run():
                answers += statements.run(asked, [client])
            else:
                with psycopg.Cursor(wrapper.connection) as cursor:
                    answers += cursor.execute(asked, [client]).fetchall()
        wrapper.close()
        return answers

    with ThreadPoolExecutor(CLIENTS) as threads:
        found = list(threads.map(ask, range(CLIENTS)))
    assert found == [[(number % 3 + client,) for number in range(STATEMENTS)] for client in range(CLIENTS)]


def test_a_worker_that_connects_through_it_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        warn_of_pooler()
        monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
        warn_of_pooler()
    assert [line["event"] for line in logs] == ["worker_behind_pooler"]


def test_a_worker_that_connects_through_it_prepares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection_options()["prepare_threshold"] == 5
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert connection_options()["prepare_threshold"] is None


def test_what_is_lost_is_not_prepared_and_said_once(bouncer: PgBouncer) -> None:
    with capture_logs() as logs:
        wrappers = [connect(bouncer) for _ in range(3)]
    prepares = [wrapper.connection.prepare_threshold is not None for wrapper in wrappers]
    for wrapper in wrappers:
        wrapper.close()

    keeps = keeps_prepared_statements(bouncer.path)
    assert prepares == [keeps] * 3
    assert [line["event"] for line in logs] == ([] if keeps else ["prepared_statements_off"])


def test_a_replica_without_a_pooler_keeps_them_though_the_primary_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection.ensure_connection()
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    monkeypatch.setattr(connection.connection, "prepare_threshold", 5)
    with capture_logs() as logs:
        prepare_only_if_kept(connection, Pooler())
    assert connection.connection.prepare_threshold == 5
    assert logs == []
