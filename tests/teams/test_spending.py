"""Members spend from their team's account: once per key, within their caps, named in the books."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial
from uuid import uuid4

import pytest

from accounts.models import User
from accounts.teams import membership
from accounts.teams.errors import CapReached, UnknownMember
from accounts.teams.models import MemberAllowance, Team
from core.errors import DomainError
from credits.errors import InsufficientCredits, InvalidAmount, InvalidEntry, KeyConflict
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.ledger.results import Spend
from credits.ledger.selectors import get_balance
from credits.proof.checking import find_violations
from credits.spending.team_spending import spend_as_member
from tests.billing.calling import browser_of
from tests.support.racing import at_once
from tests.teams.builders import People, make_people, monthly

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def fund(team: Team, amount: int = 100) -> Account:
    account = ledger.open_team_account(team)
    ledger.grant(account.pk, Decimal(amount), kind=Entry.Kind.PURCHASE, key="fact:1")
    return account


def spend(people: People, amount: str | int, key: str = "work:1", user: User | None = None) -> Spend:
    return spend_as_member(people.team.pk, (user or people.member).pk, Decimal(amount), key=key)


def counted() -> float:  # of small amounts, for reading
    return float(sum(row.spent for row in MemberAllowance.objects.filter(period="month")))


def cap(people: People, amount: int) -> None:
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(amount))


def balance_of(account: Account) -> int:
    account.refresh_from_db()
    return int(account.balance)


def test_a_member_spends_the_teams_credits_and_the_entry_says_who(people: People) -> None:
    account = fund(people.team)
    done = spend_as_member(
        people.team.pk,
        people.member.pk,
        Decimal("2.5"),
        key="work:1",
        reference="render 7",
        metadata={"model": "x"},
    )
    entry = Entry.objects.get(pk=done.entry_id)
    assert (entry.account_id, entry.amount, entry.reference) == (account.pk, Decimal("-2.5"), "render 7")
    assert entry.metadata == {"model": "x", "member": str(people.member.pk)}
    assert counted() == 2.5
    assert get_balance(people.member).balance == 0


def test_nobody_says_for_us_who_spent(people: People) -> None:
    fund(people.team)
    with pytest.raises(InvalidEntry):
        spend_as_member(
            people.team.pk, people.member.pk, Decimal(1), key="work:1", metadata={"member": "somebody else"}
        )
    assert counted() == 0


def test_a_spend_past_the_cap_takes_nothing(people: People) -> None:
    account = fund(people.team)
    cap(people, 10)
    spend(people, 8)
    with pytest.raises(CapReached) as refused:
        spend(people, 3, "work:2")
    assert refused.value.params["left"] == 2
    assert (balance_of(account), counted()) == (92, 8)
    assert not Entry.objects.filter(key="work:2").exists()
    assert spend(people, 2, "work:2").balance_after == 90


def test_a_repeat_is_counted_once_and_answers_after_the_cap_and_after_leaving(people: People) -> None:
    fund(people.team)
    cap(people, 10)
    first = spend(people, 10)
    again = [spend(people, 10)]
    membership.leave_team(people.member, people.team.pk)
    again.append(spend(people, 10))
    assert [(one.entry_id, one.repeated) for one in again] == [(first.entry_id, True)] * 2
    assert Entry.objects.filter(kind=Entry.Kind.SPEND).count() == 1


def test_a_member_without_a_cap_spends_more_in_a_month_than_an_account_can_have(people: People) -> None:
    """What comes in again can be spent again."""
    account = fund(people.team, 6 * 10**17)
    spend(people, 6 * 10**17, key="first")
    ledger.grant(account.pk, Decimal(6 * 10**17), kind=Entry.Kind.PURCHASE, key="fact:2")
    spend(people, 6 * 10**17, key="second")
    assert counted() == 12 * 10**17


def test_another_members_key_is_another_fact(people: People) -> None:
    fund(people.team)
    spend(people, 10)
    with pytest.raises(KeyConflict):
        spend(people, 10, user=people.admin)


def test_only_members_spend_and_nothing_is_taken_for_others(people: People) -> None:
    account = fund(people.team)
    with pytest.raises(UnknownMember):
        spend(people, 10, user=people.stranger)
    with pytest.raises(UnknownMember):
        spend_as_member(uuid4(), people.member.pk, Decimal(1), key="work:1")
    assert balance_of(account) == 100


def test_a_spend_that_the_account_cant_pay_is_not_counted(people: People) -> None:
    with pytest.raises(InsufficientCredits):
        spend(people, 1)  # the team has no account yet
    fund(people.team, 5)
    with pytest.raises(InsufficientCredits):
        spend(people, 6)
    with pytest.raises(InvalidAmount):
        spend(people, 0)
    assert counted() == 0


@pytest.mark.django_db(transaction=True)
def test_spends_at_once_pass_neither_the_cap_nor_the_balance() -> None:
    people = make_people()
    account = fund(people.team, 20)
    cap(people, 10)

    def one(user: User, number: int) -> str:
        try:
            spend(people, 3, f"work:{number}", user)
        except DomainError as error:
            return error.code
        return "done"

    members = [partial(one, people.member, number) for number in range(5)]
    admins = [partial(one, people.admin, number) for number in range(5, 10)]
    results = at_once(*members, *admins)
    assert Counter(results)["done"] == 6  # 18 of 20
    assert results[:5].count("done") <= 3
    assert balance_of(account) == 2
    assert counted() == 18
    assert list(find_violations()) == []


@pytest.mark.django_db(transaction=True)
def test_one_key_by_eight_at_once_is_spent_and_counted_once() -> None:
    people = make_people()
    account = fund(people.team)
    cap(people, 10)
    spends = at_once(*[partial(spend, people, 10)] * 8)
    assert sorted(one.repeated for one in spends) == [False] + [True] * 7
    assert (balance_of(account), counted()) == (90, 10)


def test_the_teams_page_shows_its_balance(people: People) -> None:
    fund(people.team, 1234)
    page = browser_of(people.member).get(f"/teams/{people.team.pk}/").content.decode()
    assert "1,234" in page
