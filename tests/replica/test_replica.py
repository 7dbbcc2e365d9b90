"""Pages that may be seconds old read from a real replica; everybody sees their own writes; without it all goes on.

A replica whose replay is paused stays as it was: what a page shows of a later write comes from the primary.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import InternalError, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.clients.api_keys import create_key
from accounts.models import User
from billing.purchases.models import Purchase
from core import breaker
from core.database.replica import freshness
from core.database.replica.own_writes import COOKIE
from core.database.replica.positions import replayed_position, written_position
from core.database.replica.reading import again_on_primary, keep_reading, reading_from_replica
from core.database.replica.routing import PRIMARY, REPLICA, WriteWhileReading
from core.database.statements import select
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import standing_of_account
from tests.admin.forms import adjust
from tests.admin.pages import list_of, rows_of
from tests.billing.calling import API, browser_of
from tests.billing.reporting import reconcile_now
from tests.credits.builders import funded, open_account, spend
from tests.credits_api.calling import Service
from tests.support.api_clients import make_client
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.replicas import Pair, forget_what_is_known, pointed_at, running_pair
from tests.support.sandbox import Sandbox
from tests.teams.forms import form_on

pytestmark = pytest.mark.django_db(transaction=True, databases=[PRIMARY, REPLICA])

HISTORY, STATEMENT, BUY = "/credits/history/", "/credits/statement/", "/credits/buy"
# What tells who somebody is and what they may see, what they did last in the admin, and how far the log is.
OF_THE_PRIMARY = re.compile(
    r'(FROM|INTO|UPDATE) "?(accounts_user|auth_|django_session|django_content_type|django_admin_log|teams_|clients_|'
    r"audit_)|_wal_|^(BEGIN|COMMIT)$"
)


@pytest.fixture(scope="module")
def pair(django_db_setup: None, django_db_blocker: Any) -> Iterator[Pair]:
    with django_db_blocker.unblock(), running_pair() as pair, pointed_at(pair):
        yield pair


@pytest.fixture(autouse=True)
def _knows_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_what_is_known(monkeypatch)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada", email="ada@example.com")
    return user


def logged(caplog: pytest.LogCaptureFixture, event: str) -> int:
    return sum(event in record.getMessage() for record in caplog.records)


def take_free_pack(browser: Client) -> None:
    answer = browser.post(BUY, form_on(browser, "/credits/", BUY))
    assert answer.status_code == 303, answer.content


def shown(browser: Client, page: str) -> str:
    answer = browser.get(page)
    assert answer.status_code == 200, answer.content
    return b"".join(answer).decode() if answer.streaming else str(answer.content.decode())


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

        assert "1,000" in shown(buyer, f"/credits/success?session_id={started.session_id}")
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
    with CaptureQueriesContext(connections[PRIMARY]) as on_primary:
        assert len(service.get(entries).json()["entries"]) == 2
    assert not [query["sql"] for query in on_primary if "credits_entry" in query["sql"]]


def test_a_position_is_kept_only_by_browsers_that_wrote(pair: Pair, ada: User) -> None:
    browser, service = browser_of(ada), Service(create_key(make_client(), name="one").secret)

    assert COOKIE not in browser.get(HISTORY).cookies
    assert COOKIE not in service.spend(funded(10), "1").cookies
    kept = browser.post("/accounts/language", {"language": "de", "next": "/credits/"}).cookies[COOKIE]
    assert (kept["httponly"], kept["samesite"], kept["max-age"]) == (True, "Lax", 20)


@pytest.mark.parametrize("forged", ["ffffffffffffffff", "ffffffffffffffff:signature", "", "unknown"])
def test_a_forged_position_is_worth_as_much_as_none_of_a_program(pair: Pair, ada: User, forged: str) -> None:
    browser = browser_of(ada)
    browser.cookies[COOKIE] = forged
    with pair.paused():
        spend(funded(10), 1)
        begun = time.monotonic()

        assert browser.get(HISTORY).status_code == 200
    assert time.monotonic() - begun < 5


# --- Which server answers


def pages_of_staff() -> list[str]:
    registered = admin.site._registry.items()
    lists = [list_of(model) for model, page in registered if getattr(page, "lists_from_replica", False)]
    return ["/admin/", *lists, "/admin/figures/revenue.csv", "/admin/credits/entry/download/"]


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
        with CaptureQueriesContext(connections[PRIMARY]) as on_primary:
            shown(browser, page)
        asked[page] = [query["sql"] for query in on_primary if not OF_THE_PRIMARY.search(query["sql"])]
    with CaptureQueriesContext(connections[PRIMARY]) as on_primary:
        service.get(f"accounts/{account.pk}/entries")
    asked["entries"] = [query["sql"] for query in on_primary if not OF_THE_PRIMARY.search(query["sql"])]

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


# --- A replica that is away, or behind


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


def test_a_position_covers_what_is_committed_without_waiting_for_the_disk(pair: Pair) -> None:
    with connections[PRIMARY].cursor() as cursor, connections[REPLICA].cursor() as replica:
        cursor.execute("SET synchronous_commit = off")
        UserFactory.create()
        position = written_position()
        cursor.execute("RESET synchronous_commit")
        until = time.monotonic() + 20
        while replayed_position() < position:
            assert time.monotonic() < until
        replica.execute("SELECT count(*) FROM accounts_user")
        assert replica.fetchone() == (1,)


# --- Programs that read much


def test_reconciliation_reads_what_is_committed_when_it_reads(
    pair: Pair, ada: User, sandbox: Sandbox
) -> None:
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)
    with pair.paused():
        take_free_pack(browser_of(ada))
        assert reconcile_now().purchases == 1
    pair.catch_up()
    with CaptureQueriesContext(connections[PRIMARY]) as on_primary:
        assert reconcile_now().purchases == 1
    assert not [query["sql"] for query in on_primary if 'FROM "purchases_purchase"' in query["sql"]]


def test_commands_may_read_from_the_replica(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spend(funded(100), 1)
    pair.catch_up()
    with CaptureQueriesContext(connections[PRIMARY]) as on_primary:
        call_command("check_ledger", "--replica")
        call_command("export_ledger", "--replica", "--output", str(tmp_path / "ledger.csv"))
    told = capsys.readouterr()
    assert "The ledger is intact" in told.out
    assert "1 accounts, 1 lots, 2 entries" in told.out
    assert "head 20" in told.out
    assert len((tmp_path / "ledger.csv").read_text().splitlines()) == 3
    # The head alone is taken on the primary, behind a lock.
    read = [query["sql"] for query in on_primary if "credits_" in query["sql"]]
    assert len([sql for sql in read if "credits_entry" in sql]) == 1
    with pair.paused():
        UserFactory.create()
        call_command("check_ledger", "--replica", "--quiet")
    assert "reading from the primary" in capsys.readouterr().err
