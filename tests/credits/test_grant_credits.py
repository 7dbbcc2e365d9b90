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
from django.core.management import CommandError, call_command
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
from tests.credits.adjusting import LIMIT, ask, ask_above_limit
from tests.credits.builders import numbers, open_account
from tests.support.builders import UserFactory
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db

HEADER = "email,amount,key,reason"


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = LIMIT


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(email="ada@example.com")
    return user


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_lines(*lines: str, header: str = HEADER) -> str:
        path = tmp_path / "grants.csv"
        path.write_text("\n".join([header, *lines]))
        return str(path)

    return write_lines


def run(file: str, *options: str) -> tuple[str, list[str]]:
    """What it says at its end (its summary or why it failed), and the lines of mistakes."""
    out, err = StringIO(), StringIO()
    try:
        call_command("grant_credits", file, *options, stdout=out, stderr=err)
    except CommandError as error:
        return f"failed: {error}", err.getvalue().splitlines()
    return out.getvalue().strip(), err.getvalue().splitlines()


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


# --- Mistakes -------------------------------------------------------------------------------------------------------

WRONG = [
    ("nobody@example.com,5,a,Why", "email: no user has the address 'nobody@example.com'"),
    (",5,a,Why", "email: an account ID or email is required"),
    ("ada@example.com,many,a,Why", "amount: 'many' is not a number in plain digits, such as 2.5"),
    ("ada@example.com,,a,Why", "amount: '' is not a number in plain digits, such as 2.5"),
    ("ada@example.com,-5,a,Why", "amount: -5 is not above zero: this file only adds credits"),
    ("ada@example.com,0,a,Why", "amount: 0 is not above zero: this file only adds credits"),
    ("ada@example.com,NaN,a,Why", "amount: 'NaN' is not a number in plain digits, such as 2.5"),
    ("ada@example.com,0.0000001,a,Why", "amount: The amount can have at most six decimal places."),
    ("ada@example.com,1000.01,a,Why", "amount: amounts above 1,000 need approval"),
    ("ada@example.com,5,,Why", "key: A key is required."),
    ("ada@example.com,5,a,", "reason: Enter a reason; the account holder will see it."),
    ("ada@example.com,5,a", "it has 3 fields, but the header has 4"),
    ("ada@example.com,5,a,Why,not", "it has 5 fields, but the header has 4"),
]


@pytest.mark.parametrize(("line", "mistake"), WRONG)
def test_a_mistake_is_named_with_line_and_field_and_nothing_is_booked(
    ada: User, write: Callable[..., str], line: str, mistake: str
) -> None:
    said, mistakes = run(write("ada@example.com,5,good,Why", line))

    assert (said, mistakes) == ("failed: 1 line is wrong. Nothing was changed.", [f"line 3: {mistake}"])
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("2027-01-01", "expires_at: '2027-01-01' is not a time with its zone, such as 2027-01-01T00:00:00Z"),
        ("soon", "expires_at: 'soon' is not a time with its zone, such as 2027-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00Z", "expires_at: The expiry date must be in the future."),
        ("9999-01-01T00:00:00Z", "expires_at: The expiry date must be within 100 years."),
    ],
)
def test_an_expiry_that_is_none_is_named(
    ada: User, write: Callable[..., str], value: str, mistake: str
) -> None:
    _, mistakes = run(write(f"ada@example.com,5,a,Why,{value}", header=f"{HEADER},expires_at"))
    assert mistakes == [f"line 2: {mistake}"]


def test_every_mistake_of_every_line_is_named(ada: User, write: Callable[..., str]) -> None:
    header = "account,amount,key,reason,promotional"

    said, mistakes = run(write("x,many,a,Why,perhaps", f"{open_account().pk},5,b,,no", header=header))

    assert said == "failed: 2 lines are wrong. Nothing was changed."
    assert mistakes == [
        "line 2: account: 'x' is not an account ID",
        "line 2: amount: 'many' is not a number in plain digits, such as 2.5",
        "line 2: promotional: 'perhaps' is neither yes nor no",
        "line 3: reason: Enter a reason; the account holder will see it.",
    ]


def test_an_account_that_is_not_there_is_named(write: Callable[..., str]) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    _, mistakes = run(write(f"{nobody},5,a,Why", header="account,amount,key,reason"))
    assert mistakes == [f"line 2: account: there is no account {nobody}"]


def test_an_address_of_two_people_stands_for_neither(ada: User, write: Callable[..., str]) -> None:
    UserFactory.create(email="ADA@example.com")
    _, mistakes = run(write("ada@example.com,5,a,Why"))
    assert mistakes == ["line 2: email: 2 users have the address 'ada@example.com': give the account"]


def test_bytes_that_are_no_text_are_found_in_their_field(ada: User, tmp_path: Path) -> None:
    path = tmp_path / "grants.csv"
    path.write_bytes(f"{HEADER}\nada@example.com,5,a,Why\nada@example.com,5,b,Caf\xe9\n".encode("latin-1"))
    _, mistakes = run(str(path))
    assert mistakes == ["line 3: reason: The reason contains characters that can’t be stored."]


def test_a_line_after_a_field_of_several_lines_keeps_its_number(ada: User, write: Callable[..., str]) -> None:
    _, mistakes = run(write('ada@example.com,5,a,"one\ntwo\nthree"', "ada@example.com,0,b,Why"))
    assert mistakes == ["line 5: amount: 0 is not above zero: this file only adds credits"]


@pytest.mark.parametrize("other", ["6,a,Why", "5,a,Other"])
def test_a_key_that_stands_for_something_else_is_a_conflict(
    ada: User, write: Callable[..., str], other: str
) -> None:
    run(write("ada@example.com,5,a,Why"))

    said, mistakes = run(write("ada@example.com,5,b,Why", f"ada@example.com,{other}"))

    assert mistakes == ["line 3: key: its key was already applied with other values"]
    assert said == "failed: 1 line is wrong. Nothing was changed."
    assert get_balance(ada).balance == 5


def test_a_key_that_stands_for_somebody_else_is_a_conflict(ada: User, write: Callable[..., str]) -> None:
    run(write("ada@example.com,5,a,Why"))
    UserFactory.create(email="grace@example.com")

    _, mistakes = run(write("grace@example.com,5,a,Why"))

    assert mistakes == ["line 2: key: its key was already applied with other values"]


def test_a_key_that_a_member_of_staff_used_is_a_conflict(ada: User, write: Callable[..., str]) -> None:
    ask(ledger.open_account(ada), 7, key="a")
    _, mistakes = run(write("ada@example.com,5,a,Why"))
    assert mistakes == ["line 2: key: its key was already applied with other values"]


def test_a_key_that_the_file_uses_for_two_things_is_a_conflict(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_grants, "LINES_AT_ONCE", 2)  # and so across its batches
    lines = ["ada@example.com,5,a,Why", "ada@example.com,5,b,Why", "ada@example.com,6,a,Why"]

    _, mistakes = run(write(*lines))

    assert mistakes == ["line 4: key: line 2 uses its key with other values"]
    assert not Adjustment.objects.exists()


def test_lines_above_the_limit_are_booked_where_somebody_answers_for_them(
    ada: User, write: Callable[..., str]
) -> None:
    said, _ = run(write("ada@example.com,5000,a,Why"), "--above-limit")
    assert said == "1 applied, 5,000 credits; 0 already applied."
    assert get_balance(ada).balance == 5000


def test_what_waits_for_a_second_person_is_not_taken_for_booked(ada: User, write: Callable[..., str]) -> None:
    """A key whose adjustment waits must not pass for credits that came in."""
    ask_above_limit(ledger.open_account(ada), 5000, key="a", reason="Why")
    _, mistakes = run(write("ada@example.com,5000,a,Why"), "--above-limit")
    assert mistakes == ["line 2: key: its key was used in the admin; that adjustment is waiting"]


HEADERS = [
    ("", "'amount' is missing; 'key' is missing; 'reason' is missing; 'account' or 'email' is missing"),
    ("email,amount,key", "'reason' is missing"),
    ("amount,key,reason", "'account' or 'email' is missing"),
    (f"{HEADER},note", "unknown column 'note'"),
    (f"{HEADER},key", "column 'key' appears twice"),
]


@pytest.mark.parametrize(("header", "mistake"), HEADERS)
def test_a_header_that_is_none_is_refused(write: Callable[..., str], header: str, mistake: str) -> None:
    assert run(write(header=header)) == (f"failed: line 1: {mistake}. Nothing was changed.", [])


def test_what_is_no_csv_is_refused_with_its_line(ada: User, write: Callable[..., str]) -> None:
    said, _ = run(write("ada@example.com,5,a,Why", 'ada@example.com,5,b,"Why'))
    assert said == "failed: line 3: not valid CSV: unexpected end of data. Nothing was changed."
    assert not Adjustment.objects.exists()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing.csv")
    assert run(missing) == (f"failed: {missing}: No such file or directory", [])


def test_a_line_that_fails_while_it_is_booked_is_named_and_the_rest_goes_on(
    ada: User, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else uses a key between the check and the booking."""
    file = write("ada@example.com,5,a,Why", "ada@example.com,6,b,Why")
    book = bulk_grants.book_grants

    def book_late(lines: Any) -> Any:
        ask(ledger.open_account(ada), 7, key="a")
        return book(lines)

    monkeypatch.setattr("credits.management.commands.grant_credits.book_grants", book_late)
    said, mistakes = run(file)

    assert mistakes == ["line 2: key: This key was already used for something else."]
    assert said == "failed: 1 line is not applied. Run it again: lines already applied are skipped."
    assert get_balance(ada).balance == 13


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
