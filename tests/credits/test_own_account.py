"""Nobody on the staff adjusts their own account or approves for it; a team's account is its members' own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.teams import membership
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.errors import OwnAccount
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Hold
from credits.ledger.staff_releases import release_hold
from tests.credits.adjusting import ask, ask_above_limit, make_staff
from tests.credits.builders import funded, grant, hold, numbers, soon
from tests.teams.builders import join, make_people

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]

Status = Adjustment.Status
NOT_FOR_ONESELF = "credits_adjustment_not_for_oneself"


@pytest.fixture
def member() -> User:
    """Somebody on the staff."""
    return make_staff(username="anna")


def own(member: User) -> Account:
    account = ledger.open_account(member)
    grant(account, 100, key="funds")
    return account


def of_a_team(member: User) -> Account:
    people = make_people()
    join(people.team, member)
    account = ledger.open_team_account(people.team)
    grant(account, 100, key="funds")
    return account


@pytest.fixture(params=[own, of_a_team], ids=lambda one: one.__name__)
def account(request: pytest.FixtureRequest, member: User) -> Account:
    made: Account = request.param(member)
    return made


@pytest.mark.parametrize("amount", [1, -1, 5000], ids=["given", "taken", "above the limit"])
def test_nobody_adjusts_an_account_of_theirs(account: Account, member: User, amount: int) -> None:
    with pytest.raises(OwnAccount) as refused:
        ask(account, amount, member)
    assert (refused.value.code, refused.value.status) == ("own_account", 403)
    assert not Adjustment.objects.exists()
    assert numbers(account)[0] == 100


def test_nobody_approves_for_an_account_of_theirs_though_another_asked(
    account: Account, member: User
) -> None:
    waiting = ask_above_limit(account, 5000)
    with pytest.raises(OwnAccount):
        adjustments.approve(waiting.pk, member)
    waiting.refresh_from_db()
    assert (waiting.status, numbers(account)[0]) == (Status.WAITING, 100)
    assert adjustments.approve(waiting.pk, make_staff()).status == Status.BOOKED


def test_declining_what_would_be_ones_own_gain_is_anybodys(account: Account, member: User) -> None:
    assert adjustments.decline(ask_above_limit(account, 5000).pk, member).status == Status.DECLINED


def test_nobody_releases_a_hold_on_an_account_of_theirs(account: Account, member: User) -> None:
    """What a service does for them would then not be paid."""
    held = Hold.objects.get(pk=hold(account, 50).id)
    with pytest.raises(OwnAccount):
        release_hold(held, member, "It hangs")
    assert numbers(account)[1] == 50
    assert release_hold(held, make_staff(), "It hangs").released == 50


def test_others_accounts_are_no_ones_own(member: User) -> None:
    people = make_people()
    theirs = ledger.open_team_account(people.team)
    assert ask(theirs, 5, member).status == Status.BOOKED
    assert ask(funded(1), 5, member).status == Status.BOOKED


def test_who_has_left_a_team_may_adjust_its_account(member: User) -> None:
    people = make_people()
    join(people.team, member)
    account = ledger.open_team_account(people.team)
    membership.remove_member(people.owner, people.team.pk, member.pk)
    assert ask(account, 5, member).status == Status.BOOKED


def test_a_shop_of_one_person_may_allow_it(account: Account, member: User, settings: Any) -> None:
    settings.STAFF_MAY_SERVE_THEMSELVES = True
    assert ask(account, 5, member).status == Status.BOOKED
    waiting = ask_above_limit(account, 5000)
    assert adjustments.approve(waiting.pk, member).status == Status.BOOKED
    held = Hold.objects.get(pk=hold(account, 50).id)
    assert release_hold(held, member, "It hangs").released == 50
    assert numbers(account)[0] == 5105


# --- In the database --------------------------------------------------------------------------------------------------


def guard_of(change: Callable[[], Any]) -> str | None:
    """The name of the guard that refuses it."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        change()
    assert isinstance(refusal.value.__cause__, psycopg.Error)
    return refusal.value.__cause__.diag.constraint_name


def test_the_database_refuses_an_adjustment_of_ones_own_account(account: Account, member: User) -> None:
    row = {"account": account, "amount": Decimal(5), "reason": "Why", "key": "k", "needs_approval": True}
    assert guard_of(lambda: Adjustment.objects.create(**row, asked_by=member)) == NOT_FOR_ONESELF
    assert Adjustment.objects.create(**row, asked_by=make_staff()).status == Status.WAITING


def test_the_database_refuses_an_approval_for_ones_own_account(account: Account, member: User) -> None:
    waiting = ask_above_limit(account, 5000)
    entry = grant(account, 5000, key="by hand", kind=Entry.Kind.ADJUSTMENT).entry_id
    booked = {"status": "booked", "decided_at": soon(), "entry_id": entry}
    rows = Adjustment.objects.filter(pk=waiting.pk)
    assert guard_of(lambda: rows.update(**booked, decided_by=member)) == NOT_FOR_ONESELF
    assert rows.update(**booked, decided_by=make_staff()) == 1
