"""Statements of the hot path: the same values and errors as Django's cursor, prepared once, in Django's transaction."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from threading import Event, Thread
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from accounts.audit.context import acting
from core.database.statements import KEPT, call, call_undoably

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"


@pytest.fixture
def notes(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (id int PRIMARY KEY)")
    yield
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE notes")


def prepared(like: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED, [like])
        return int(cursor.fetchone()[0])


def written() -> list[Any]:
    return call("SELECT id FROM notes ORDER BY id", [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uuid", UUID("11111111-2222-3333-4444-555555555555")),
        ("numeric", Decimal("1234567890123456789.000001")),
        ("text", "½ %s $1 'quoted'"),
        ("bigint", 2**62),
        ("boolean", True),
        ("timestamptz", datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC)),
        ("interval", datetime.timedelta(hours=1)),
        ("numeric[]", [Decimal("0.1"), Decimal("0.2")]),
        ("text", None),
    ],
)
def test_a_value_comes_back_as_it_went(kind: str, value: object) -> None:
    assert call(f"SELECT %s::{kind}", [value]) == [(value,)]


@pytest.mark.django_db
def test_a_statement_is_prepared_once_for_the_same_types() -> None:
    for number in (1, 2, 3):
        assert call("SELECT 'once', %s::bigint", [number]) == [("once", number)]
    assert prepared("SELECT 'once', $1%%") == 1
    for other in (None, 2**40):
        assert call("SELECT 'once', %s::bigint", [other]) == [("once", other)]
    assert prepared("SELECT 'once', $1%%") == 3


@pytest.mark.django_db
def test_nothing_is_prepared_where_the_setting_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    assert call("SELECT 'never', %s::int", [7]) == [("never", 7)]
    assert prepared("SELECT 'never'%%") == 0


def test_a_refusal_is_djangos_error_and_harms_nothing_else(notes: None) -> None:
    call("INSERT INTO notes VALUES (%s) RETURNING id", [1])
    with pytest.raises(IntegrityError) as refused:
        call("INSERT INTO notes VALUES (%s) RETURNING id", [1])
    assert isinstance(refused.value.__cause__, psycopg.errors.UniqueViolation)
    assert refused.value.__cause__.diag.constraint_name == "notes_pkey"
    assert written() == [(1,)]


def test_it_is_part_of_the_transaction_that_it_begins(notes: None) -> None:
    """Django's transaction sends its BEGIN with the first statement, whose ever that is."""
    with transaction.atomic():
        call("INSERT INTO notes VALUES (%s) RETURNING id", [1])
        call("INSERT INTO notes VALUES (%s) RETURNING id", [2])
        transaction.set_rollback(True)
    assert written() == []


def test_a_lost_connection_is_an_operational_error_and_the_next_one_works(notes: None) -> None:
    lost = call("SELECT pg_backend_pid()", [])[0][0]
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [lost])
    for _ in range(2):
        with pytest.raises(OperationalError):
            call("SELECT pg_backend_pid()", [])
    connection.close()
    assert call("SELECT pg_backend_pid()", [])[0][0] != lost
    assert hasattr(connection.connection, KEPT)


def test_other_threads_run_while_it_waits(notes: None) -> None:
    """The lock is only released by this thread, while the other one waits for it in the database."""
    got, waiting = Event(), Event()

    def wait_for_the_lock() -> None:
        call("SELECT set_config('statement_timeout', '5s', false)", [])
        waiting.set()
        call("SELECT pg_advisory_lock(77)", [])
        got.set()
        connection.close()

    call("SELECT pg_advisory_lock(77)", [])
    thread = Thread(target=wait_for_the_lock)
    thread.start()
    assert waiting.wait(10)
    assert not got.wait(0.2)
    call("SELECT pg_advisory_unlock(77)", [])
    thread.join()
    assert got.is_set()


def test_an_error_in_the_data_undoes_its_statement_alone(notes: None) -> None:
    with transaction.atomic():
        assert call_undoably("INSERT INTO notes VALUES (%s), (%s) RETURNING id", [1, 2]) == [(1,), (2,)]
        with pytest.raises(DataError):
            call_undoably("INSERT INTO notes VALUES (%s), (1 / %s) RETURNING id", [3, 0])
        with pytest.raises(IntegrityError):
            call_undoably("INSERT INTO notes VALUES (%s), (%s) RETURNING id", [4, 1])
        call("INSERT INTO notes VALUES (%s) RETURNING id", [5])
    assert written() == [(1,), (2,), (5,)]


def test_alone_it_is_the_same_and_commits_at_once(notes: None) -> None:
    assert call_undoably("INSERT INTO notes VALUES (%s) RETURNING id", [1]) == [(1,)]
    with pytest.raises(DataError):
        call_undoably("INSERT INTO notes VALUES (1 / %s::int) RETURNING id", [0])
    assert written() == [(1,)]


def test_the_audits_context_goes_first_and_the_rows_are_the_statements(notes: None) -> None:
    with acting(cause="something"), transaction.atomic():
        assert call_undoably("INSERT INTO notes VALUES (%s) RETURNING id", [1]) == [(1,)]
        with pytest.raises(IntegrityError):
            call_undoably("INSERT INTO notes VALUES (%s) RETURNING id", [1])
        assert call_undoably("INSERT INTO notes VALUES (%s) RETURNING id", [2]) == [(2,)]
    assert written() == [(1,), (2,)]
