"""The pages of statement and gifts: what they say, to whom, and at what price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.gifts import giving as gifts
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.selectors import get_balance
from credits.statement.reading import PAGE_SIZE
from tests.billing.calling import browser_of
from tests.credits.adjusting import ask, ask_above_limit, make_staff
from tests.credits_pages.builders import at, book, make_long
from tests.support.builders import UserFactory
from tests.teams.builders import make_people

pytestmark = pytest.mark.django_db

STATEMENT = "/credits/statement/"
GIFT = "/credits/gift/"


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return ledger.open_account(ada)


def read(user: User, address: str = STATEMENT) -> str:
    answer = browser_of(user).get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


# --- Statement --------------------------------------------------------------------------------------------------------


def test_somebody_without_an_account_is_told_what_comes_here(ada: User) -> None:
    page = read(ada)
    assert "No activity yet" in page
    assert not Account.objects.exists()


def test_an_account_without_entries_looks_the_same(ada: User, account: Account) -> None:
    assert "No activity yet" in read(ada)


def test_every_entry_says_what_how_much_and_what_was_left(ada: User, account: Account) -> None:
    book(account, "5000.5", reference="f1047d28")
    book(account, "-0.000001", reference="<job>")
    page = read(ada)
    assert "&lt;job&gt;" in page
    assert ">−0.000001</td>" in page
    assert "5,000.499999" in page
    assert ">+5,000.5</td>" in page


def test_numbers_of_nineteen_digits_keep_every_digit(ada: User, account: Account) -> None:
    book(account, "900000000000000000.123456")
    book(account, "0.1")
    book(account, "0.2")
    page = read(ada)
    assert "900,000,000,000,000,000.423456" in page
    assert ">+0.1</td>" in page


def test_a_gift_names_the_other_and_shows_its_message(ada: User, account: Account) -> None:
    book(account, 100)
    grace = UserFactory.create()
    gifts.give(ada, grace, Decimal(5), "For <you>", "k")
    assert f"Gift sent to {grace.email}" in read(ada)
    received = read(grace)
    assert f"Gift received from {ada.email}" in received
    assert "For &lt;you&gt;" in received


def test_what_a_service_gave_shows_its_message_and_its_reference(ada: User, account: Account) -> None:
    book(account, 100)
    other = ledger.open_account(UserFactory.create())
    ledger.transfer(
        account.pk, other.pk, Decimal(5), key="api", reference="bonus-7", metadata={"message": "Well <done>"}
    )
    book(account, -1)
    page = read(ada)
    assert "Well &lt;done&gt;" in page
    assert "bonus-7" in page


def test_an_adjustment_shows_its_whole_reason_and_nobody_of_the_staff(ada: User, account: Account) -> None:
    staff = make_staff(username="stella", first_name="Stella", last_name="Staff")
    reason = f"{'A job of yours failed. ' * 8}Sorry!"
    ask(account, "7.5", staff, reason=reason, reference="ticket-7")
    ask(account, -2, staff, reason="Given <twice>")

    page = read(ada)

    assert page.count('<span class="entry-kind">Adjustment</span>') == 2
    assert reason in page
    assert "Given &lt;twice&gt;" in page
    assert "ticket-7" in page
    assert (">+7.5</td>" in page, ">−2</td>" in page) == (True, True)
    assert "stella" not in page.lower()
    assert str(staff.pk) not in page


def test_what_waits_for_a_second_person_is_not_in_the_statement(ada: User, account: Account) -> None:
    book(account, 1)
    waiting = ask_above_limit(account, 50_000, reason="Perhaps")
    assert "Perhaps" not in read(ada)
    adjustments.approve(waiting.pk, make_staff())
    assert "Perhaps" in read(ada)


def test_the_filter_leaves_what_was_asked_for(ada: User, account: Account) -> None:
    book(account, 100, at("2025-01-10 12:00"), reference="january")
    book(account, 50, at("2025-02-10 12:00"), reference="february")
    book(account, -1, at("2025-02-11 12:00"), reference="a-job")
    page = read(ada, f"{STATEMENT}?month=2025-02")
    assert ("january" in page, "february" in page, "a-job" in page) == (False, True, True)
    page = read(ada, f"{STATEMENT}?month=2025-02&kind=spend")
    assert ("february" in page, "a-job" in page) == (False, True)
    assert "No matching entries" in read(ada, f"{STATEMENT}?kind=refund")


@pytest.mark.parametrize(
    "query", ["month=x", "month=9999-99", "kind=x", "before=x", "before=-1", "before=", "before=" + "9" * 40]
)
def test_a_filter_that_is_none_is_passed_over(ada: User, account: Account, query: str) -> None:
    book(account, 100, reference="here")
    assert "here" in read(ada, f"{STATEMENT}?{query}")


def test_a_page_beyond_the_history_is_empty_and_says_so(ada: User, account: Account) -> None:
    book(account, 100)
    assert "No matching entries" in read(ada, f"{STATEMENT}?before=1")


def test_pages_are_linked_in_both_directions_and_keep_the_filter(ada: User, account: Account) -> None:
    make_long(account, 3 * PAGE_SIZE, timezone.now())
    first = read(ada, f"{STATEMENT}?kind=spend")
    assert f"?kind=spend&amp;before={2 * PAGE_SIZE + 1}" in first or "kind=spend&amp;before=" in first
    assert 'rel="prev"' not in first
    older = read(ada, f"{STATEMENT}?kind=spend&before={2 * PAGE_SIZE}")
    assert 'rel="prev"' in older
    assert 'rel="next"' in older
    assert "Monthly summary" not in older


def queries_of(user: User, address: str = STATEMENT) -> int:
    client = browser_of(user)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_a_page_takes_as_many_queries_for_much_as_for_little(ada: User, account: Account) -> None:
    grace = UserFactory.create()
    book(account, 1000, expires_at=timezone.now() + timedelta(days=3))
    gifts.give(ada, grace, Decimal(1), "", "k")
    little = queries_of(ada)
    for _number in range(PAGE_SIZE):
        book(account, 10, expires_at=timezone.now() + timedelta(days=3))
        book(account, -3)
    for number in range(10):
        gifts.give(ada, grace, Decimal(1), "", f"k{number}")
    assert queries_of(ada) == little <= 16
    assert queries_of(ada, f"{STATEMENT}?before=20") <= 14
    assert queries_of(ada, f"{STATEMENT}?month={timezone.now():%Y-%m}") <= 17


def test_a_team_shows_its_members_its_statement_and_others_nothing() -> None:
    people = make_people("Crew")
    book(ledger.open_team_account(people.team), 77, reference="for-the-team")
    book(ledger.open_account(people.member), 5, reference="my-own")
    client = browser_of(people.member)
    assert "my-own" in client.get(STATEMENT).content.decode()
    client.post("/teams/switch", {"team": people.team.pk})
    page = client.get(STATEMENT).content.decode()
    assert ("for-the-team" in page, "my-own" in page, "Team account: Crew" in page) == (True, False, True)
    assert "for-the-team" in b"".join(client.get("/credits/statement.csv")).decode()
    people.member.memberships.all().delete()
    assert "for-the-team" not in client.get(STATEMENT).content.decode()


def test_nobody_reads_somebody_elses(ada: User, account: Account) -> None:
    book(account, 5, reference="private")
    assert "private" not in read(UserFactory.create())
    for page in (STATEMENT, GIFT, "/credits/statement.csv"):
        assert browser_of().get(page)["Location"].startswith("/accounts/login/")


def test_the_statement_is_linked_from_every_page_and_from_the_balance(ada: User) -> None:
    assert read(ada, "/credits/").count(f'href="{STATEMENT}"') == 2
    assert f'href="{GIFT}"' in read(ada)


# --- Gifts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def grace(account: Account) -> User:
    book(account, 1000)
    user: User = UserFactory.create(username="grace", first_name="Grace", last_name="Hopper")
    return user


def form_for(user: User, **changed: str) -> dict[str, str]:
    return {"email": user.email, "amount": "12.5", "message": "Hi <you>", "shown_for": "personal", **changed}


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def confirmed(answer: Any) -> dict[str, str]:
    """What the confirmation would send."""
    plan = answer.context["plan"]
    return {
        "key": str(answer.context["key"]),
        "email": plan.recipient.email,
        "amount": str(plan.amount),
        "message": plan.message,
        "shown_for": "personal",
    }


def test_a_gift_is_shown_before_it_is_given(ada: User, grace: User) -> None:
    client = browser_of(ada)
    shown = client.post(GIFT, form_for(grace))
    page = " ".join(shown.content.decode().split())
    assert "Send 12.5 credits?" in page
    assert "Hi &lt;you&gt;" in page
    assert "987.5" in page
    assert "Hopper" not in page  # an address is not traded for a name
    assert not Gift.objects.exists()
    given = client.post("/credits/gift/give", confirmed(shown))
    assert (given.status_code, given["Location"]) == (302, STATEMENT)
    assert told(given) == [f"You sent 12.5 credits to {grace.email}."]
    assert get_balance(grace).balance == Decimal("12.5")


def test_pressing_twice_gives_once_and_says_so_twice(ada: User, grace: User) -> None:
    client = browser_of(ada)
    form = confirmed(client.post(GIFT, form_for(grace)))
    answers = [client.post("/credits/gift/give", form) for _ in range(2)]
    assert [answer["Location"] for answer in answers] == [STATEMENT, STATEMENT]
    assert get_balance(ada).balance == Decimal("987.5")
    again = confirmed(client.post(GIFT, form_for(grace)))
    client.post("/credits/gift/give", again)
    assert get_balance(ada).balance == 975


def test_change_leads_back_to_the_filled_form(ada: User, grace: User) -> None:
    client = browser_of(ada)
    form = {**confirmed(client.post(GIFT, form_for(grace))), "change": "1"}
    page = client.post(GIFT, form).content.decode()
    assert f'value="{grace.email}"' in page
    assert "Hi &lt;you&gt;</textarea>" in page


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"email": "nobody@example.com"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "ada@example.com"}, "email"),
        ({"amount": ""}, "amount"),
        ({"amount": "many"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1e30"}, "amount"),
        ({"amount": "0.0000001"}, "amount"),
        ({"amount": "1000.01"}, "amount"),
        ({"message": "x" * 501}, "message"),
    ],
)
@pytest.mark.parametrize("address", [GIFT, "/credits/gift/give"])
def test_what_is_wrong_is_said_beside_its_field(
    ada: User, grace: User, changed: dict[str, str], field: str, address: str
) -> None:
    answer = browser_of(ada).post(address, {**form_for(grace, **changed), "key": "x"})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert f'id="id_{field}-error"' in page
    assert page.count('class="field-error"') == 1
    assert not Gift.objects.exists()


def test_a_limit_is_said_beside_the_amount(ada: User, grace: User, settings: Any) -> None:
    settings.GIFT_DAILY_LIMIT = Decimal(10)
    answer = browser_of(ada).post(GIFT, form_for(grace))
    assert answer.status_code == 400
    assert "You can send 10 more credits now" in answer.content.decode()


def test_trying_addresses_out_ends_soon(ada: User, grace: User) -> None:
    client = browser_of(ada)
    pages = [client.post(GIFT, form_for(grace, email=f"{n}@example.com")) for n in range(11)]
    assert 'id="id_email-error"' in pages[9].content.decode()
    assert 'id="id_email-error"' not in pages[10].content.decode()
    assert pages[10].status_code == 400


def test_a_gift_comes_out_of_ones_own_credits_also_while_acting_for_a_team(settings: Any) -> None:
    people = make_people("Crew")
    book(ledger.open_team_account(people.team), 1000)
    client = browser_of(people.owner)
    client.post("/teams/switch", {"team": people.team.pk})
    assert "gifts come from your personal credits" in client.get(GIFT).content.decode()
    answer = client.post(GIFT, form_for(people.stranger, shown_for=str(people.team.pk)))
    assert answer.status_code == 400
    assert not Entry.objects.filter(kind="gift_sent").exists()


def test_a_site_without_gifts_has_no_such_page(ada: User, grace: User, settings: Any) -> None:
    settings.GIFT_DAILY_COUNT = 0
    assert f'href="{GIFT}"' not in read(ada)
    assert browser_of(ada).get(GIFT).status_code == 404
    assert browser_of(ada).post("/credits/gift/give", form_for(grace)).status_code == 404


def test_nothing_is_given_by_following_a_link(ada: User, grace: User) -> None:
    assert browser_of(ada).get("/credits/gift/give").status_code == 405
    client = browser_of(ada, enforce_csrf_checks=True)
    assert client.post("/credits/gift/give", form_for(grace)).status_code == 403
