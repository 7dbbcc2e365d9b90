"""The statement as a file: every entry, exact decimals, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import User
from core.csv_lines import as_cells, harmless
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from credits.statement import reading as statement
from credits.statement.csv_file import COLUMNS
from tests.billing.calling import browser_of
from tests.credits_pages.builders import at, book, make_long
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

CSV = "/credits/statement.csv"


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(time_zone="Europe/Berlin")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return ledger.open_account(ada)


def download(user: User, address: str = CSV) -> list[dict[str, str]]:
    answer: Any = browser_of(user).get(address)
    assert answer.status_code == 200
    assert answer.streaming
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_every_entry_is_a_line_with_exact_decimals(ada: User, account: Account) -> None:
    book(account, "0.1", at("2026-01-01 12:00"), reference="a")
    book(account, "0.2", at("2026-07-01 12:00"), reference="b, c")
    book(account, "-0.000001", at("2026-07-01 13:00"), reference='d "e"')
    book(account, "900000000000000000.000001", at("2026-07-02 13:00"))
    rows = download(ada)
    assert list(rows[0]) == COLUMNS
    assert [row["amount"] for row in rows] == ["900000000000000000.000001", "-0.000001", "0.2", "0.1"]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal(rows[0]["balance_after"])
    assert [row["reference"] for row in rows] == ["", 'd "e"', "b, c", "a"]
    assert [row["time"] for row in rows[2:]] == ["2026-07-01T14:00:00+02:00", "2026-01-01T13:00:00+01:00"]


def test_a_value_of_any_kind_becomes_a_harmless_cell() -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    values = ["=1+1", "a", "", None, Decimal("1E+3"), Decimal("-0.000001"), moment, date(2026, 7, 1), 7]

    assert as_cells(values) == [
        *("'=1+1", "a", "", "", "1000", "-0.000001"),
        *("2026-07-01T10:00:00+00:00", "2026-07-01", "7"),
    ]


def test_the_filter_of_the_page_is_that_of_the_file(ada: User, account: Account) -> None:
    book(account, 5, at("2026-01-31 22:30"))
    book(account, 7, at("2026-01-31 23:30"))  # February in Berlin
    book(account, -2, at("2026-02-03 12:00"))
    assert [row["amount"] for row in download(ada, f"{CSV}?month=2026-02")] == ["-2", "7"]
    assert [row["amount"] for row in download(ada, f"{CSV}?month=2026-02&kind=spend")] == ["-2"]
    assert [row["amount"] for row in download(ada, f"{CSV}?month=rubbish&kind=rubbish")] == ["-2", "7", "5"]


def test_a_long_history_is_read_in_short_queries(
    ada: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "ROWS_AT_ONCE", 100)
    make_long(account, 1050, timezone.now())
    answer: Any = browser_of(ada).get(CSV)
    pieces = list(answer.streaming_content)
    assert len(pieces) == 1 + 11
    assert b"".join(pieces).count(b"\r\n") == 1 + 1050


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1", "＝1", '=HYPERLINK("http://x")']
)
def test_what_a_spreadsheet_would_run_is_text(ada: User, account: Account, text: str) -> None:
    assert harmless(text) == f"'{text}"
    book(account, 5, reference=text)
    assert download(ada)[0]["reference"] == f"'{text}"


@pytest.mark.parametrize("text", ["", "job-1", "a=b", "1-2", "'x"])
def test_what_no_spreadsheet_would_run_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


def test_the_file_has_a_name_and_is_kept_by_nobody(ada: User, account: Account) -> None:
    book(account, 5)
    answer = browser_of(ada).get(f"{CSV}?month=2026-02")
    assert answer["Content-Disposition"] == 'attachment; filename="statement-2026-02.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]


def test_somebody_without_an_account_has_no_file(ada: User) -> None:
    assert browser_of(ada).get(CSV).status_code == 404


def test_nobody_gets_no_file() -> None:
    assert browser_of().get(CSV)["Location"].startswith("/accounts/login/")
