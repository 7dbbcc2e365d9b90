"""Files of lists: what the list shows and no more, the ledger with its seals, in memory that doesn't grow."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.purchases.models import Purchase
from core.database import row_batches
from core.database.row_batches import in_row_batches
from credits.ledger import operations as ledger
from credits.ledger.entries_csv import COLUMNS, OLDEST_FIRST, entries_csv
from credits.ledger.models import Entry
from tests.admin.pages import list_of, read
from tests.admin.rows import Books, make_purchase
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

LEDGER, PURCHASES = "/admin/credits/entry/download/", "/admin/purchases/purchase/download/"


def lines_of(client: Client, address: str, **query: str) -> list[dict[str, str]]:
    answer: Any = client.get(address, query)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def book(user: User, *amounts: int, **more: Any) -> list[Entry]:
    account = ledger.open_account(user)
    for amount in amounts:
        ledger.grant(account.pk, Decimal(amount), kind=Entry.Kind.PURCHASE, key=f"bought {amount}", **more)
    return list(Entry.objects.filter(account=account).order_by("id"))


def backdate(entry: Entry, days: int, hours: int = 0) -> None:
    """Past the trigger: entries are never changed."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        moment = timezone.now() - timedelta(days=days, hours=hours)
        cursor.execute("UPDATE credits_entry SET created_at = %s WHERE id = %s", [moment, entry.pk])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_an_entry_is_a_line_with_its_owner_and_its_seal(as_superuser: Client) -> None:
    user = UserFactory.create(email="=1+1@example.com")
    first, second = book(user, 100, 40, reference="@risk")
    newest, oldest = lines_of(as_superuser, LEDGER)

    assert list(oldest) == COLUMNS
    assert (oldest["entry"], newest["entry"]) == (str(first.pk), str(second.pk))
    assert (oldest["owner_id"], oldest["owner"]) == (str(user.pk), "'=1+1@example.com")
    assert (oldest["amount"], newest["balance_after"], oldest["reference"]) == ("100", "140", "'@risk")
    assert oldest["lots"] == f"{first.lots[0]}:100"
    assert oldest["seal"] == bytes(first.hash).hex()
    assert datetime.fromisoformat(oldest["created"]) == first.created_at
    assert oldest["created"].endswith("+00:00")


def test_the_ledger_is_for_whom_may(as_clerk: Client, as_superuser: Client, books: Books) -> None:
    assert as_clerk.get(LEDGER).status_code == 403
    assert LEDGER not in read(as_clerk, list_of(Entry))
    assert LEDGER in read(as_superuser, list_of(Entry))


def test_the_button_passes_on_what_the_list_is_asked_for(as_superuser: Client, books: Books) -> None:
    shown = as_superuser.get(
        list_of(Entry), {"kind__exact": "purchase", "q": books.user.email, "p": "beyond,5"}
    )
    assert f"{LEDGER}?kind__exact=purchase&amp;q=" in shown.content.decode()
    assert f"{LEDGER}?kind__exact=purchase&amp;q={books.user.email}&amp;p" not in shown.content.decode()


def test_a_file_has_what_the_filters_leave(as_superuser: Client, books: Books) -> None:
    ada = UserFactory.create(email="ada@example.com")
    mine = book(ada, 5, 6)
    assert len(lines_of(as_superuser, LEDGER)) == Entry.objects.count() > 2
    assert len(lines_of(as_superuser, LEDGER, q="ada@example.com")) == 2
    account = str(mine[0].account_id)
    assert [row["version"] for row in lines_of(as_superuser, LEDGER, account__id__exact=account)] == [
        "2",
        "1",
    ]
    kinds = {row["kind"] for row in lines_of(as_superuser, LEDGER, kind__exact="purchase")}
    assert kinds == {"purchase"}
    assert lines_of(as_superuser, LEDGER, kind__exact="dispute") == []


def test_purchases_are_filtered_as_their_list_is(as_superuser: Client, books: Books) -> None:
    waiting = make_purchase()
    assert len(lines_of(as_superuser, PURCHASES)) == Purchase.objects.count() == 2
    (line,) = lines_of(as_superuser, PURCHASES, status__exact="pending")
    assert line["purchase"] == str(waiting.pk)
    (line,) = lines_of(as_superuser, PURCHASES, q=books.user.email)
    assert line["purchase"] == str(books.purchase.pk)


def test_a_filter_that_there_is_not_is_refused(as_superuser: Client, books: Books) -> None:
    assert as_superuser.get(LEDGER, {"account__owner__password__startswith": "p"}).status_code == 400


@pytest.mark.parametrize("address", [LEDGER, PURCHASES])
def test_a_period_has_both_its_days(as_superuser: Client, books: Books, address: str) -> None:
    today, tomorrow = timezone.now().date(), timezone.now().date() + timedelta(days=1)
    assert lines_of(as_superuser, address, created_at_from=f"{today}", created_at_to=f"{today}")
    assert lines_of(as_superuser, address, created_at_from=f"{tomorrow}") == []
    assert lines_of(as_superuser, address, created_at_to=f"{today - timedelta(days=1)}") == []
    assert lines_of(as_superuser, address, created_at_from="no day", created_at_to="2026-99-99")


def test_a_period_has_each_entry_of_its_days_and_no_other(as_superuser: Client, tmp_path: Path) -> None:
    entries = book(UserFactory.create(), *range(1, 13))
    for ago, entry in zip(range(12, 0, -1), entries, strict=True):
        backdate(entry, ago)
    keys = [str(entry.pk) for entry in entries]

    for days in (0, 1, 3, 4, 9, 12, 13):
        day, before = (f"{timezone.now().date() - timedelta(days=ago)}" for ago in (days, days + 1))
        since, until = keys[max(0, 12 - days) :], keys[: max(0, 12 - days)]
        found = lines_of(as_superuser, LEDGER, created_at_from=day)
        assert [line["entry"] for line in found] == since[::-1]
        found = lines_of(as_superuser, LEDGER, created_at_to=before)
        assert [line["entry"] for line in found] == until[::-1]
        found = export(tmp_path / f"{days}.csv", "--from", day, "--to", day)
        assert [line["entry"] for line in found] == since[: 0 < days <= 12]


def test_a_period_goes_by_time_whatever_the_ids_say(as_superuser: Client, tmp_path: Path) -> None:
    first, second, third = book(UserFactory.create(), 1, 2, 3)
    for entry, days in ((first, 1), (second, 9), (third, 4)):
        backdate(entry, days)
    in_time = [str(second.pk), str(third.pk), str(first.pk)]
    long_ago = f"{timezone.now().date() - timedelta(days=20)}"

    assert [line["entry"] for line in lines_of(as_superuser, LEDGER, created_at_from=long_ago)][
        ::-1
    ] == in_time
    assert [line["entry"] for line in export(tmp_path / "all.csv")] == in_time


def test_a_period_is_found_by_the_index_on_time() -> None:
    book(UserFactory.create(), 1, 2)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    plan = Entry.objects.filter(created_at__gte=timezone.now()).order_by("-created_at", "-id")[:51].explain()
    assert "credits_entry_by_time" in plan


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_batches_have_each_row_once_whatever_their_size(size: int) -> None:
    book(UserFactory.create(), *range(1, 8))
    keys = list(Entry.objects.order_by("-id").values_list("pk", flat=True))
    found = [row.pk for batch in in_row_batches(Entry.objects.all(), ["-id"], size) for row in batch]
    assert found == keys
    purchases = [make_purchase().pk for _ in range(5)]
    Purchase.objects.update(created_at=timezone.now())  # the same moment for all of them
    order = ["-created_at", "-id"]
    read_back = [row.pk for batch in in_row_batches(Purchase.objects.all(), order, size) for row in batch]
    assert sorted(read_back) == sorted(purchases)


def test_a_long_file_holds_no_more_at_once_than_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    account = ledger.open_account(UserFactory.create())
    ledger.grant(account.pk, Decimal(10_000), kind=Entry.Kind.PURCHASE, key="bought")
    for number in range(1200):
        ledger.spend(account.pk, Decimal(1), key=f"job {number}")
    monkeypatch.setattr(row_batches.in_row_batches, "__defaults__", (100,))
    short = peak_of(Entry.objects.filter(pk__in=Entry.objects.order_by("id")[:200]))
    long = peak_of(Entry.objects.all())
    assert long < 1.5 * short


def peak_of(entries: Any) -> int:
    """The most bytes that reading the file held at once."""
    tracemalloc.start()
    for _part in entries_csv(entries, OLDEST_FIRST):
        pass
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


# --- The command ----------------------------------------------------------------------------------------------------


def export(path: Path, *arguments: str) -> list[dict[str, str]]:
    call_command("export_ledger", "--output", str(path), *arguments, stdout=io.StringIO())
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_command_writes_the_same_lines_the_oldest_first(
    as_superuser: Client, books: Books, tmp_path: Path
) -> None:
    assert export(tmp_path / "all.csv") == lines_of(as_superuser, LEDGER)[::-1]


def test_the_command_writes_a_period(books: Books, tmp_path: Path) -> None:
    entries = book(UserFactory.create(), 1, 2)
    backdate(entries[0], 10)
    day = (timezone.now() - timedelta(days=10)).astimezone(UTC).date()
    (line,) = export(tmp_path / "day.csv", "--from", f"{day}", "--to", f"{day}")
    assert line["entry"] == str(entries[0].pk)
    assert export(tmp_path / "none.csv", "--to", "2020-01-01") == []


def test_the_command_never_writes_over_a_file(books: Books, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("mine")
    with pytest.raises(CommandError, match="already exists"):
        export(there)
    assert there.read_text() == "mine"


def test_the_command_refuses_what_is_no_period(tmp_path: Path, books: Books) -> None:
    with pytest.raises(CommandError, match="before it starts"):
        export(tmp_path / "a.csv", "--from", "2026-02-01", "--to", "2026-01-01")
    with pytest.raises(CommandError, match="is not a date"):
        export(tmp_path / "a.csv", "--from", "tomorrow")
