"""An account's page and what it leads to: the numbers of the books, in few queries however long the history is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.teams.models import Membership, Role, Team
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Hold, Lot
from credits.statement.outflows import moved_by_kind
from credits.statement.traces import captures_of
from tests.admin.pages import count_queries, links_on, list_of, page_of, read, rows_of
from tests.admin.rows import HOUR, Books, make_hold
from tests.credits.builders import claim, claw_back
from tests.credits_pages.builders import past
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

MOST_QUERIES = 16


def grant(account: UUID, amount: int = 100, **terms: object) -> int:
    kind = terms.pop("kind", Entry.Kind.PURCHASE)
    granted = ledger.grant(account, Decimal(amount), kind=kind, key=f"grant:{uuid4()}", **terms)  # type: ignore[arg-type]  # a test's own terms
    return granted.lot_id


def spend(account: UUID, amount: str = "1", key: str = "") -> None:
    ledger.spend(account, Decimal(amount), key=key or f"spend:{uuid4()}")


def end_time_of(row: Model) -> None:
    """Its time has passed, and no job has seen it yet."""
    past(
        f"UPDATE {row._meta.db_table} SET expires_at = %s WHERE id = %s",
        [timezone.now() - HOUR, row.pk],
    )


@pytest.fixture
def team_account(db: None) -> Account:
    team = Team.objects.create(name="Analytical Engines")
    Membership.objects.create(team=team, user=UserFactory.create(), role=Role.OWNER)
    account = ledger.open_team_account(team)
    grant(account.pk)
    return account


# --- The account -----------------------------------------------------------------------------------------------------


def figures(client: Client, account: Account) -> dict[str, Decimal]:
    sheet = client.get(page_of(account)).context["sheet"]
    return {str(figure.name): figure.amount for figure in sheet.figures}


def test_an_account_shows_what_can_be_spent_and_what_the_jobs_have_yet_to_book(
    as_clerk: Client, books: Books
) -> None:
    account = books.account.pk
    lot = Lot.objects.get(pk=grant(account, 50, expires_at=timezone.now() + HOUR))
    end_time_of(lot)
    end_time_of(make_hold(books.purchase, "7"))

    assert figures(as_clerk, books.account) == {
        "Balance": 1050,
        "Held": 27,
        "Available": 980,
        "Expired": 50,
        "Overdue holds": 7,
    }


def test_an_account_shows_what_it_owes(as_clerk: Client, books: Books) -> None:
    spend(books.account.pk, "900")
    claw_back(books.account, claim(1000, "debt"), lot=books.lot.pk)

    assert figures(as_clerk, books.account)["Debt"] == 900
    assert "is-urgent" in read(as_clerk, page_of(books.account))
    assert rows_of(as_clerk, list_of(Account), debt="yes") == [books.account]


def test_a_longer_history_takes_no_more_queries(as_clerk: Client, books: Books) -> None:
    for _ in range(40):
        grant(books.account.pk)
        spend(books.account.pk)
        make_hold(books.purchase, "1")
    longer = count_queries(as_clerk, page_of(books.account))

    assert longer <= MOST_QUERIES
    for _ in range(40):
        grant(books.account.pk)
        spend(books.account.pk)
        make_hold(books.purchase, "1")
    assert count_queries(as_clerk, page_of(books.account)) <= longer


def test_an_account_without_history_has_a_page(as_clerk: Client) -> None:
    account = ledger.open_account(UserFactory.create())

    page = read(as_clerk, page_of(account))

    assert "No activity yet." in page
    assert "No open holds." in page


def test_a_month_leads_to_its_last_entry(as_clerk: Client, books: Books) -> None:
    spend(books.account.pk)
    past(
        "UPDATE credits_entry SET created_at = %s WHERE id = %s",
        [timezone.now() - timedelta(days=70), books.entry.pk],
    )

    months = [link for link in links_on(as_clerk, page_of(books.account)) if "&p=beyond" in link]

    assert [books.entry] in [rows_of(as_clerk, link.replace("&amp;", "&")) for link in months]


def test_a_team_is_found_by_its_name_everywhere(
    as_clerk: Client, books: Books, team_account: Account
) -> None:
    ledger.hold(team_account.pk, Decimal(5), key="work", expires_in=HOUR)
    for model in (Account, Lot, Entry, Hold):
        found = rows_of(as_clerk, list_of(model), q="Analytical Engines")

        assert [getattr(row, "account", row) for row in found] == [team_account]
        assert "Analytical Engines" in read(as_clerk, list_of(model))
    assert page_of(team_account.team) in links_on(as_clerk, page_of(team_account))  # type: ignore[arg-type]  # it has one
    assert rows_of(as_clerk, list_of(Account), holder="team") == [team_account]
    assert rows_of(as_clerk, list_of(Account), holder="person") == [books.account]


@pytest.mark.parametrize("model", [Account, Lot, Entry, Hold], ids=lambda model: model.__name__)
def test_more_teams_take_no_more_queries(model: type[Model], as_clerk: Client) -> None:
    def with_teams(count: int) -> int:
        for number in range(count):
            account = ledger.open_team_account(Team.objects.create(name=f"Team {number}"))
            grant(account.pk)
            ledger.hold(account.pk, Decimal(5), key="work", expires_in=HOUR)
        return count_queries(as_clerk, list_of(model))

    assert with_teams(1) == with_teams(4)


# --- A hold ----------------------------------------------------------------------------------------------------------


def test_the_list_of_holds_begins_with_those_that_end_first(as_clerk: Client, books: Books) -> None:
    later = make_hold(books.purchase, "1", expires_in=2 * HOUR)
    overdue = make_hold(books.purchase, "2", expires_in=3 * HOUR)
    end_time_of(overdue)
    released = make_hold(books.purchase, "3")
    ledger.release(released.account_id, released.pk)

    assert rows_of(as_clerk, list_of(Hold)) == [overdue, books.hold, later]
    assert rows_of(as_clerk, list_of(Hold), state="overdue") == [overdue]
    assert rows_of(as_clerk, list_of(Hold), state="released") == [released]
    assert rows_of(as_clerk, list_of(Hold), state="all") == [released, overdue, later, books.hold]
    assert rows_of(as_clerk, list_of(Hold), q=released.key) == [released]
    assert "Overdue" in read(as_clerk, page_of(overdue))


def test_a_hold_shows_what_captured_it(as_clerk: Client, books: Books) -> None:
    spend(books.account.pk)
    ledger.capture(books.hold.account_id, books.hold.pk, Decimal(5), key="first", close=False)
    spend(books.account.pk)
    ledger.capture(books.hold.account_id, books.hold.pk, Decimal("2.5"), key="second")
    spend(books.account.pk)
    hold = Hold.objects.get(pk=books.hold.pk)

    assert [entry.key for entry in captures_of(hold).entries] == ["first", "second"]
    assert captures_of(hold).elsewhere == 0
    links = links_on(as_clerk, page_of(hold))
    for entry in captures_of(hold).entries:
        assert page_of(entry) in links
        assert page_of(hold) in links_on(as_clerk, page_of(entry))
    found = rows_of(as_clerk, list_of(Entry), q=str(hold.pk))
    assert [entry.key for entry in found] == ["second", "first"]


def test_captures_too_far_back_are_counted_and_not_looked_for(
    as_clerk: Client, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.capture(books.hold.account_id, books.hold.pk, Decimal(5), key="first", close=False)
    for _ in range(3):
        spend(books.account.pk)
    hold = Hold.objects.get(pk=books.hold.pk)
    monkeypatch.setattr("credits.statement.traces.LOOKED_THROUGH", 2)

    assert captures_of(hold).entries == []
    assert captures_of(hold).elsewhere == 5
    assert "Earlier entries" in read(as_clerk, page_of(hold))


# --- A lot -----------------------------------------------------------------------------------------------------------


def test_a_lot_says_where_it_went_by_kind(as_clerk: Client, books: Books) -> None:
    account = books.account.pk
    other = ledger.open_account(UserFactory.create())
    spend(account, "100.5")
    ledger.transfer(account, other.pk, Decimal(20), key="gift")
    claw_back(books.account, claim(30), lot=books.lot.pk)
    grant(account)
    lot = Lot.objects.get(pk=books.lot.pk)

    moved = moved_by_kind(lot)

    assert moved == {
        Entry.Kind.PURCHASE: 1000,
        Entry.Kind.GIFT_SENT: -20,
        Entry.Kind.REFUND: -30,
        Entry.Kind.SPEND: Decimal("-100.5"),
    }
    assert sum(moved.values()) == lot.remaining
    page = read(as_clerk, page_of(lot))
    assert "-100.5" in page
    assert "$10.00" in page


def test_a_lot_says_what_came_of_each_clawback(as_clerk: Client, books: Books) -> None:
    spend(books.account.pk, "900")
    claw_back(books.account, claim(30), claim(970, "debt"), lot=books.lot.pk)

    page = "".join(read(as_clerk, page_of(books.lot)).split())
    for refund in (("30", "30", "0", "0", "0"), ("970", "50", "20", "900", "0")):
        assert "".join(f"<td>{number}</td>" for number in refund) in page, refund


def test_a_gift_says_which_lot_it_first_came_in_as_and_its_share_of_the_cost(
    as_clerk: Client, books: Books
) -> None:
    other = ledger.open_account(UserFactory.create())
    ledger.transfer(books.account.pk, other.pk, Decimal(20), key="gift")
    given = other.lots.get()

    page = read(as_clerk, page_of(given))
    assert f'href="{page_of(books.lot)}">#{books.lot.pk}</a>' in page
    assert "$10.00 for 1,000 credits" in page
    assert str(books.purchase.pk) not in page


def test_the_entries_of_a_lot_are_those_that_moved_it(as_clerk: Client, books: Books) -> None:
    second = grant(books.account.pk)
    spend(books.account.pk, "2", key="of the first")

    keys = [entry.key for entry in rows_of(as_clerk, list_of(Entry), lot=str(books.lot.pk))]
    assert keys == ["of the first", books.purchase.grant_key]
    assert len(rows_of(as_clerk, list_of(Entry), lot=str(second))) == 1


def test_a_gift_leads_to_the_other_account(as_clerk: Client, books: Books) -> None:
    other = ledger.open_account(UserFactory.create())
    given = ledger.transfer(books.account.pk, other.pk, Decimal(20), key="gift")

    for entry, account in ((given.sent_entry_id, other), (given.received_entry_id, books.account)):
        assert page_of(account) in links_on(as_clerk, page_of(Entry.objects.get(pk=entry)))
