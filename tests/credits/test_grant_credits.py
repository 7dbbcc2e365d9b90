"""`grant_credits` checks a whole file before it books any of it, and books each line once by its key."""

from __future__ import annotations

import io
import tracemalloc
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from credits.adjustments import bulk_grants
from credits.adjustments.bulk_grants import check_grants
from credits.adjustments.grants_file import read_grants
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import get_balance
from credits.proof.checking import find_violations
from tests.credits.builders import numbers, open_account
from tests.credits.granting import HEADER, run
from tests.support.racing import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]


# --- Booking --------------------------------------------------------------------------------------------------------


def test_a_line_is_booked_with_all_that_it_says(ada: User, write: Callable[..., str]) -> None:
    header = "email,amount,key,reason,reference,expires_at,promotional"
    line = "ADA@example.com,2.5,spring-1,Thank you,T-7,2099-01-01T00:00:00+01:00,yes"

    assert run(write(line, header=header)) == ("1 applied, 2.5 credits; 0 already applied.", [])

    entry = Entry.objects.get()
    lot = entry.account.lots.get()
    assert (entry.kind, entry.amount, entry.reference) == (Entry.Kind.ADJUSTMENT, Decimal("2.5"), "T-7")
    assert entry.metadata["description"] == "Thank you"
    assert (lot.promotional, lot.expires_at and lot.expires_at.isoformat()) == (
        True,
        "2098-12-31T23:00:00+00:00",
    )
    assert get_balance(ada).balance == Decimal("2.5")
    assert list(find_violations()) == []


def test_a_line_names_an_account_or_an_address(ada: User, write: Callable[..., str]) -> None:
    account = open_account()
    lines = [f"{account.pk},,5,a,Why", ",ada@example.com,6,b,Why"]

    said, _ = run(write(*lines, header="account,email,amount,key,reason"))

    assert said == "2 applied, 11 credits; 0 already applied."
    assert numbers(account)[0] == 5
    assert get_balance(ada).balance == 6


def test_a_file_run_twice_is_booked_once(ada: User, write: Callable[..., str]) -> None:
    file = write("ada@example.com,5,a,Why", "ada@example.com,6,b,Why")
    run(file)

    assert run(file) == ("0 applied, 0 credits; 2 already applied.", [])
    assert get_balance(ada).balance == 11


def test_a_line_that_stands_there_twice_is_booked_once(ada: User, write: Callable[..., str]) -> None:
    said, _ = run(write(*["ada@example.com,5,a,Why"] * 2, "Ada@Example.com ,5.0,a, Why"))

    assert said == "1 applied, 5 credits; 2 already applied."
    assert get_balance(ada).balance == 5


def test_a_line_booked_before_its_expiry_passed_stays_a_repeat(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("ada@example.com,5,a,Why,2099-01-01T00:00:00Z", header=f"{HEADER},expires_at")
    run(file)
    monkeypatch.setattr(
        "credits.adjustments.adjusting.timezone.now", lambda: datetime(2100, 1, 1, tzinfo=UTC)
    )
    assert run(file) == ("0 applied, 0 credits; 1 already applied.", [])


def test_a_file_from_a_spreadsheet_is_read(ada: User, tmp_path: Path) -> None:
    """A byte order mark, carriage returns, quotes, empty lines, a field of two lines."""
    text = '\ufeffemail,amount,key,reason\r\n\r\n"ada@example.com","5","a","First\r\nsecond"\r\n\r\n'
    path = tmp_path / "grants.csv"
    path.write_bytes(text.encode())

    assert run(str(path))[0] == "1 applied, 5 credits; 0 already applied."
    assert Adjustment.objects.get().reason == "First second"


def test_standard_input_is_read(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{HEADER}\nada@example.com,5,a,Why\n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    assert run("-")[0] == "1 applied, 5 credits; 0 already applied."


def test_a_dry_run_books_nothing_and_opens_no_account(ada: User, write: Callable[..., str]) -> None:
    file = write("ada@example.com,5,a,Why", "ada@example.com,6,b,Why")

    said, _ = run(file, "--dry-run")

    assert said == "2 to apply, 11 credits; 0 already applied. Nothing was changed: this was a dry run."
    assert not Adjustment.objects.exists()
    assert not Account.objects.exists()


# --- Long files -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_book_each_line_once(ada: User, write: Callable[..., str]) -> None:
    file = write(*[f"ada@example.com,1,key-{number},Why" for number in range(40)])

    said = [summary for summary, _ in at_once(lambda: run(file), lambda: run(file))]

    assert not [summary for summary in said if summary.startswith("failed")]
    assert sum(int(summary.split()[0]) for summary in said) == 40
    assert get_balance(ada).balance == 40


@pytest.mark.django_db(transaction=True)
def test_a_run_that_breaks_off_is_taken_up_by_the_next(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(*[f"ada@example.com,1,key-{number},Why" for number in range(6)])
    grant, calls = ledger.grant, iter(range(6))

    def break_off(*arguments: Any, **more: Any) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return grant(*arguments, **more)

    monkeypatch.setattr(ledger, "grant", break_off)
    with pytest.raises(KeyboardInterrupt):
        run(file)
    monkeypatch.undo()
    assert get_balance(ada).balance == 3

    assert run(file)[0] == "3 applied, 3 credits; 3 already applied."
    assert get_balance(ada).balance == 6


def test_what_was_booked_before_costs_a_few_queries_for_many_lines(
    ada: User, write: Callable[..., str]
) -> None:
    def queries_of_a_repeat(count: int) -> int:
        file = write(*[f"ada@example.com,1,key-{number},Why" for number in range(count)])
        run(file)
        with CaptureQueriesContext(connection) as queries:
            assert run(file)[0] == f"0 applied, 0 credits; {count} already applied."
        return len(queries)

    assert queries_of_a_repeat(50) == queries_of_a_repeat(5)


def test_a_long_file_is_not_kept_in_memory(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go by one batch at a time. Whoever keeps them takes many times as much."""
    monkeypatch.setattr(bulk_grants, "LINES_AT_ONCE", 25)
    account = ledger.open_account(ada)

    def peak(keep: int | None) -> int:
        lines = (f"{account.pk},1,key-{number},Why\n" for number in range(1500))
        results = check_grants(read_grants(chain(["account,amount,key,reason\n"], lines)))
        tracemalloc.start()
        deque(results, maxlen=keep)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert 4 * peak(keep=0) < peak(keep=None)


def test_a_bar_is_shown_on_a_terminal_and_in_no_log(ada: User, write: Callable[..., str]) -> None:
    file = write("ada@example.com,5,a,Why")
    terminal, log = StringIO(), StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]

    call_command("grant_credits", file, stdout=terminal)
    call_command("grant_credits", file, stdout=log)

    assert "Checking [##############################] 100%" in terminal.getvalue()
    assert "Applying [##############################] 100%" in terminal.getvalue()
    assert log.getvalue() == "0 applied, 0 credits; 1 already applied.\n"
