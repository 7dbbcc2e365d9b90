"""What a call costs the database, counted on the wire: one look-up of the caller, one statement for the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from credits.ledger.models import Account
from tests.credits_api.calling import Service

pytestmark = pytest.mark.django_db(transaction=True)


def round_trips(call: Callable[[], Any], trace: Path) -> int:
    """How often the connection waits for the server to be ready again while ``call`` is answered."""
    connection.ensure_connection()
    with trace.open("w") as file:
        connection.connection.pgconn.trace(file.fileno())
        try:
            answer = call()
        finally:
            connection.connection.pgconn.untrace()
    assert answer.status_code in {200, 201}, answer.content
    said = trace.read_text()
    assert "Authenticat" not in said
    return said.count("\tReadyForQuery\t")


@pytest.fixture
def _warm(service: Service, account: Account) -> None:
    """The statements are prepared, and the minute of last use is written."""
    for _time in range(2):
        service.spend(account, 1)
        service.get(f"accounts/{account.pk}/balance")
        service.get(f"accounts/{account.pk}/entries")
        service.post("holds", {"account": str(account.pk), "amount": 1, "expires_in": 60})
        service.post("spends/batch", {"spends": [{"account": str(account.pk), "amount": 1, "key": "warm"}]})


@pytest.mark.usefixtures("_warm")
def test_calls_take_two_round_trips_one_for_who_asks(
    service: Service, account: Account, tmp_path: Path
) -> None:
    named = {"account": str(account.pk)}
    batch = {"spends": [{**named, "amount": "0.1", "key": str(number)} for number in range(100)]}
    calls: dict[str, Callable[[], Any]] = {
        "spend": lambda: service.spend(account, 1),
        "hold": lambda: service.post("holds", {**named, "amount": 1, "expires_in": 60}),
        "batch": lambda: service.post("spends/batch", batch),
        "balance": lambda: service.get(f"accounts/{account.pk}/balance"),
    }
    counted = {name: round_trips(call, tmp_path / name) for name, call in calls.items()}

    assert counted == {"spend": 2, "hold": 2, "batch": 2, "balance": 2}


@pytest.mark.usefixtures("_warm")
def test_a_spend_is_one_statement_and_opens_no_transaction(
    service: Service, account: Account, tmp_path: Path
) -> None:
    round_trips(lambda: service.spend(account, 1), tmp_path / "trace")
    said = (tmp_path / "trace").read_text()

    assert said.count("\tExecute\t") == 2
    assert "BEGIN" not in said


@pytest.mark.usefixtures("_warm")
def test_a_page_of_entries_is_read_by_the_account_and_by_key(
    service: Service, account: Account, tmp_path: Path
) -> None:
    assert round_trips(lambda: service.get(f"accounts/{account.pk}/entries"), tmp_path / "trace") == 3
