"""Pages that may be seconds old read from a real replica, and everybody sees their own writes.

A replica whose replay is paused stays as it was: what a page shows of a later write comes from the primary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import InternalError, connections, transaction
from django.test import Client

from accounts.clients.api_keys import create_key
from accounts.models import User
from billing.purchases.models import Purchase
from core.database.replica.own_writes import COOKIE
from core.database.replica.reading import reading_from_replica
from core.database.replica.routing import PRIMARY, REPLICA, WriteWhileReading
from core.database.statements import select
from core.monitoring.models import LastRun
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import standing_of_account
from tests.admin.forms import adjust
from tests.admin.pages import list_of, rows_of
from tests.billing.calling import API, browser_of
from tests.billing.reporting import reconcile_now
from tests.credits.builders import funded, open_account, spend
from tests.credits_api.calling import Service
from tests.replica.pages import (
    HISTORY,
    STATEMENT,
    asked_of_the_primary,
    pages_of_staff,
    shown,
    take_free_pack,
)
from tests.support.api_clients import make_client
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.replicas import Pair
from tests.support.sandbox import Sandbox

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=[PRIMARY, REPLICA]),
    pytest.mark.usefixtures("new_process"),
]


# --- Own writes


def test_buyers_find_their_purchase_in_the_history(pair: Pair, ada: User) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    buyer, elsewhere = browser_of(ada), browser_of(ada)
    with pair.paused():
        take_free_pack(buyer)

        assert "Welcome" in shown(buyer, HISTORY)
        # Another browser has written nothing, and reads from the replica.
        assert "Welcome" not in shown(elsewhere, HISTORY)
    pair.catch_up()
    assert "Welcome" in shown(elsewhere, HISTORY)


def test_who_sends_a_gift_finds_it_in_the_statement(pair: Pair, ada: User) -> None:
    grace = UserFactory.create(email="grace@example.com")
    account = funded(100)
    sender = browser_of(account.owner)
    gift = {"email": grace.email, "amount": "12.5", "message": "Thanks!", "shown_for": "personal"}
    with pair.paused():
        key = str(sender.post("/credits/gift/", gift).context["key"])
        sender.post("/credits/gift/give", {**gift, "key": key})

        assert "Thanks!" in shown(sender, STATEMENT)
        assert "Thanks!" not in shown(browser_of(account.owner), STATEMENT)


def test_staff_find_their_adjustment_in_the_list(pair: Pair, as_superuser: Client, superuser: User) -> None:
    account = open_account()
    with pair.paused():
        adjust(as_superuser, account)

        assert len(rows_of(as_superuser, list_of(Adjustment), state="all")) == 1
        assert not rows_of(browser_of(superuser), list_of(Adjustment), state="all")


def test_the_success_page_and_the_history_after_it_show_what_the_webhook_did(
    pair: Pair, ada: User, sandbox: Sandbox
) -> None:
    put_on_sale()
    started = start(ada)
    buyer = browser_of(ada)
    with pair.paused():
        sandbox.post(f"/_sandbox/checkout/sessions/{started.session_id}/pay", {"card": "4242424242424242"})
        sandbox.wait_for_webhooks()
        assert Purchase.objects.get().is_credited

        success = f"/credits/success?session_id={started.session_id}"
        shown(browser_of(ada), success)  # so that the next one has nothing to write
        assert "1,000" in shown(buyer, success)
        assert "Completed" in shown(buyer, HISTORY)
        assert "Completed" not in shown(browser_of(ada), HISTORY).partition("<tbody")[2]


def test_a_program_sees_all_that_was_committed_before_it_asked(pair: Pair) -> None:
    account = funded(100)
    service = Service(create_key(make_client(), name="one").secret)
    entries = f"accounts/{account.pk}/entries"
    with pair.paused():
        service.spend(account, "1")

        answer = service.get(entries)
        assert [entry["kind"] for entry in answer.json()["entries"]] == ["spend", "purchase"]
        assert answer.headers["Credits-Balance"] == "99"
    pair.catch_up()
    with asked_of_the_primary() as asked:
        assert len(service.get(entries).json()["entries"]) == 2
    assert asked == []


def test_a_position_is_kept_only_by_browsers_that_wrote(pair: Pair, ada: User) -> None:
    browser, service = browser_of(ada), Service(create_key(make_client(), name="one").secret)

    assert COOKIE not in browser.get(HISTORY).cookies
    assert COOKIE not in service.spend(funded(10), "1").cookies
    kept = browser.post("/accounts/language", {"language": "de", "next": "/credits/"}).cookies[COOKIE]
    assert (kept["httponly"], kept["samesite"], kept["max-age"]) == (True, "Lax", 20)


@pytest.mark.parametrize("forged", ["0", "0:signature", ""])
def test_a_forged_position_shows_nothing_old(pair: Pair, ada: User, forged: str) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    browser = browser_of(ada)
    browser.cookies[COOKIE] = forged
    with pair.paused():
        take_free_pack(browser_of(ada))

        assert "Welcome" in shown(browser, HISTORY)


def test_who_saw_a_purchase_in_the_shop_finds_it_in_the_history(pair: Pair, ada: User) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    browser = browser_of(ada)
    shown(browser, "/credits/")  # the first visit is counted, which is a write
    del browser.cookies[COOKIE]
    with pair.paused():
        take_free_pack(browser_of(ada))

        assert "Welcome" not in shown(browser, HISTORY)
        shown(browser, "/credits/")
        assert "Welcome" in shown(browser, HISTORY)


# --- Which server answers


def test_the_primary_is_not_asked_for_what_these_pages_show(pair: Pair, superuser: User) -> None:
    account = funded(100)
    spend(account, 1)
    Account.objects.filter(pk=account.pk).update(owner=superuser)
    service = Service(create_key(make_client(), name="one").secret)
    pages = [HISTORY, STATEMENT, f"{STATEMENT}?month=2026-11", "/credits/statement.csv", f"{API}history"]
    pair.catch_up()
    browser = browser_of(superuser)
    asked: dict[str, list[str]] = {}
    for page in [*pages, *pages_of_staff()]:
        with asked_of_the_primary() as asked[page]:
            shown(browser, page)
    with asked_of_the_primary() as asked["entries"]:
        service.get(f"accounts/{account.pk}/entries")

    assert len(asked) > 20
    assert {page: queries for page, queries in asked.items() if queries} == {}


def test_a_decision_reads_the_primary(pair: Pair) -> None:
    account = funded(100)
    with pair.paused():
        spend(account, 60)
        assert standing_of_account(account).available == 40
        with reading_from_replica() as reading:
            assert reading.place == PRIMARY  # the replica lacks what was committed
            assert standing_of_account(account).available == 40


def test_within_a_transaction_the_primary_answers(pair: Pair) -> None:
    funded(100)
    pair.catch_up()
    with reading_from_replica() as reading:
        assert reading.place == REPLICA
        assert Entry.objects.all().db == REPLICA
        with transaction.atomic():
            assert Entry.objects.all().db == PRIMARY
            assert select("SELECT pg_is_in_recovery()", []) == [(False,)]
        assert select("SELECT pg_is_in_recovery()", []) == [(True,)]
    with transaction.atomic(), reading_from_replica() as reading:
        assert reading.place == PRIMARY


def test_a_row_read_from_the_replica_is_changed_on_the_primary(pair: Pair, ada: User) -> None:
    account = open_account()
    pair.catch_up()
    with reading_from_replica():
        read = Account.objects.get(pk=account.pk)
    assert read._state.db == REPLICA
    read.closed_at = None
    read.save(update_fields=["closed_at"])
    read.refresh_from_db()
    assert read._state.db == PRIMARY


def write_by_hand() -> None:
    with connections[PRIMARY].cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET username = username")


@pytest.mark.parametrize(
    ("write", "refusal"),
    [
        (lambda account: Account.objects.filter(pk=account.pk).update(closed_at=None), WriteWhileReading),
        (lambda account: spend(account, 1), WriteWhileReading),
        (lambda account: write_by_hand(), WriteWhileReading),
        (
            lambda account: select("SELECT credits_spend(%s, 1.0, 'k', '', '{}', NULL)", [account.pk]),
            InternalError,
        ),
    ],
    ids=["model", "ledger", "by hand", "as a query"],
)
def test_who_reads_from_the_replica_writes_nothing(
    pair: Pair, write: Callable[[Account], Any], refusal: type[Exception]
) -> None:
    account = funded(100)
    pair.catch_up()
    with reading_from_replica() as reading:
        assert reading.place == REPLICA
        with pytest.raises(refusal):
            write(account)


# --- Programs that read much


def test_reconciliation_reads_what_is_committed_when_it_reads(
    pair: Pair, ada: User, sandbox: Sandbox
) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    with pair.paused():
        take_free_pack(browser_of(ada))
        assert reconcile_now().purchases == 1
    pair.catch_up()
    with asked_of_the_primary() as asked:
        assert reconcile_now().purchases == 1
    assert not [sql for sql in asked if 'FROM "purchases_purchase"' in sql]


def test_commands_may_read_from_the_replica(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spend(funded(100), 1)
    pair.catch_up()
    with asked_of_the_primary() as asked:
        call_command("check_ledger", "--replica")
        call_command("export_ledger", "--replica", "--output", str(tmp_path / "ledger.csv"))
    told = capsys.readouterr()
    assert "The ledger is intact" in told.out
    assert "1 accounts, 1 lots, 2 entries" in told.out
    assert "head 20" in told.out
    assert len((tmp_path / "ledger.csv").read_text().splitlines()) == 3
    # The head alone is taken on the primary, behind a lock.
    assert len([sql for sql in asked if "credits_entry" in sql]) == 1
    with pair.paused():
        UserFactory.create()
        call_command("check_ledger", "--replica", "--quiet")
    assert "reading from the primary" in capsys.readouterr().err
    assert set(LastRun.objects.values_list("pk", flat=True)) == {"check_ledger --replica", "check_ledger"}
