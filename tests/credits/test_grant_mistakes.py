"""`grant_credits` names each mistake of a file by line and field, and books nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from credits.adjustments import bulk_grants
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.selectors import get_balance
from tests.credits.adjusting import ask, ask_above_limit
from tests.credits.builders import open_account
from tests.credits.granting import HEADER, run
from tests.support.builders import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]

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
