"""What somebody has spent of a team's credits counts on, however their membership ended and another began."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.teams import invitations, membership
from accounts.teams.allowances import allowances_of
from accounts.teams.caps import Cap
from accounts.teams.errors import CapReached
from accounts.teams.models import Membership, Period, Role
from accounts.teams.personal_data import TeamsData
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.spending.team_spending import spend_as_member
from tests.billing.calling import browser_of
from tests.support.builders import UserFactory
from tests.support.exports import exported
from tests.support.signing_in import sign_in
from tests.teams.builders import People, join, make_people, monthly, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    """A member who has spent 8 of their cap of 10."""
    people = make_people()
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(10))
    spend(people.team, people.member, 8)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the commit of the spend
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return people


def leave(people: People) -> None:
    membership.leave_team(people.member, people.team.pk)


def be_removed(people: People) -> None:
    membership.remove_member(people.owner, people.team.pk, people.member.pk)


def be_deleted_by_the_orm(people: People) -> None:
    Membership.objects.filter(user=people.member).delete()


def be_deleted_by_sql(people: People) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM teams_membership WHERE user_id = %s", [people.member.pk])


def come_back(people: People, cap: Cap | None = None) -> Membership:
    """By a new invitation, as people do."""
    invitation = invitations.invite(
        people.owner, people.team.pk, people.member.email, Role.MEMBER, cap or monthly(10)
    )
    return invitations.accept(people.member, invitations.token_of(invitation.pk))


@pytest.mark.parametrize("go", [leave, be_removed, be_deleted_by_the_orm, be_deleted_by_sql])
def test_a_cap_does_not_start_anew_for_who_leaves_and_joins_again(
    people: People, go: Callable[[People], None]
) -> None:
    go(people)
    come_back(people)
    with pytest.raises(CapReached) as refused:
        spend(people.team, people.member, 3)
    assert refused.value.params["left"] == 2
    assert spend(people.team, people.member, 2) == 10


def test_nor_does_what_they_spend_of_the_teams_account(people: People) -> None:
    account = ledger.open_team_account(people.team)
    ledger.grant(account.pk, Decimal(100), kind=Entry.Kind.PURCHASE, key="bought")
    leave(people)
    come_back(people)
    with pytest.raises(CapReached):
        spend_as_member(people.team.pk, people.member.pk, Decimal(3), key="work")
    account.refresh_from_db()
    assert account.balance == 100


def test_a_cap_for_another_period_knows_what_was_spent_before(people: People) -> None:
    leave(people)
    come_back(people, Cap(Decimal(9), Period.DAY))
    with pytest.raises(CapReached):
        spend(people.team, people.member, 2)


def test_a_cap_below_what_was_spent_before_lets_nothing_be_spent(people: People) -> None:
    leave(people)
    come_back(people, monthly(5))
    with pytest.raises(CapReached) as refused:
        spend(people.team, people.member, 1)
    assert refused.value.params["left"] == 0


def test_the_next_period_begins_anew_for_them_as_for_everybody(people: People) -> None:
    leave(people)
    come_back(people)
    assert spend(people.team, people.member, 10, timezone.now() + timedelta(days=31)) == 10


def test_another_team_and_another_member_count_for_themselves(people: People) -> None:
    leave(people)
    other = membership.create_team(people.owner, "Other")
    for team, user in [(other, people.member), (people.team, people.stranger)]:
        row = join(team, user, cap=monthly(10))
        assert allowances_of([row])[row.pk].left == 10


def test_the_pages_show_what_was_spent_before(people: People) -> None:
    leave(people)
    come_back(people)
    assert (
        "8 of 10 credits spent" in browser_of(people.member).get(f"/teams/{people.team.pk}/").content.decode()
    )
    staff = sign_in(UserFactory.create(is_staff=True, is_superuser=True))
    page = staff.get(reverse("admin:teams_team_change", args=[people.team.pk])).content.decode()
    assert f"8 ({timezone.localdate():%Y-%m})" in page


def test_whoever_has_left_is_told_what_they_spent(people: People) -> None:
    leave(people)
    rows = exported(TeamsData, "team-spending.csv", people.member)
    assert (str(people.team.pk), "month") in {(row["team"], row["period"]) for row in rows}
