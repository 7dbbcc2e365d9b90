"""Changes at the same time: no cap is passed, no link works twice, no team is left without its one owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from accounts.teams import allowances, invitations, membership
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.models import Invitation, MemberAllowance, Membership, Role
from core.errors import DomainError
from tests.support.builders import UserFactory
from tests.support.racing import at_once
from tests.teams.builders import People, make_people, monthly, roles_of, spend

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people() -> People:
    return make_people()


def outcome(call: Callable[[], Any]) -> str:
    """What comes of a call: ``done``, or the code of its refusal."""
    try:
        call()
    except DomainError as error:
        return error.code
    return "done"


def outcomes(*calls: Callable[[], Any]) -> Counter[str]:
    return Counter(at_once(*[partial(outcome, call) for call in calls]))


# --- The cap --------------------------------------------------------------------------------------------------------


def spend_at_once(people: People) -> Counter[str]:
    """Eight spends of 3 against a cap of 10."""
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(10))
    return outcomes(*[partial(spend, people.team, people.member, 3)] * 8)


def test_spends_at_once_never_pass_the_cap(people: People) -> None:
    assert spend_at_once(people) == {"done": 3, "cap_reached": 5}
    assert MemberAllowance.objects.get(period="month").spent == 9


def test_without_the_lock_and_the_counting_update_the_cap_is_passed(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race is there: with what guards against it taken away, spends that read first and write then get through."""

    def read_then_write(member: Membership, amount: Decimal, moment: datetime) -> dict[str, Decimal]:
        of_member = {"team": member.team, "user": member.user, "period": "month", "starts_on": moment.date()}
        row, _ = MemberAllowance.objects.get_or_create(**of_member, defaults={"spent": 0})
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")
        MemberAllowance.objects.filter(pk=row.pk).update(spent=row.spent + amount)
        return {"month": row.spent + amount}

    def without_lock(team_id: Any, user_id: Any) -> Membership:
        return Membership.objects.get(team=team_id, user=user_id)

    monkeypatch.setattr(allowances, "_count", read_then_write)
    monkeypatch.setattr(allowances, "_hold_membership", without_lock)
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(10))
    spend(people.team, people.member, 1)
    assert spend_at_once(people)["done"] > 3


def test_a_cap_that_is_lowered_meanwhile_is_kept(people: People) -> None:
    team, member = people.team, people.member

    def lower() -> None:
        membership.set_cap(people.owner, team.pk, member.pk, monthly(0))

    results = at_once(partial(outcome, lower), *[partial(outcome, partial(spend, team, member, 3))] * 7)
    assert results[0] == "done"
    assert outcome(partial(spend, team, member, 3)) == "cap_reached"


def test_nobody_who_is_removed_meanwhile_spends_on_and_what_they_spent_is_counted(people: People) -> None:
    remove = partial(membership.remove_member, people.owner, people.team.pk, people.member.pk)
    removed, *spends = at_once(
        partial(outcome, remove), *[partial(outcome, partial(spend, people.team, people.member, 3))] * 5
    )
    assert removed == "done"
    assert set(spends) <= {"done", "unknown_member"}
    counted = MemberAllowance.objects.filter(period="month").values_list("spent", flat=True)
    assert sum(counted) == 3 * spends.count("done")


# --- Invitations ----------------------------------------------------------------------------------------------------


def invited(people: People) -> Invitation:
    return invitations.invite(people.owner, people.team.pk, "a@example.com", Role.MEMBER)


def test_a_link_that_eight_follow_at_once_lets_one_in(people: People) -> None:
    token = invitations.token_of(invited(people).pk)
    crowd: list[User] = UserFactory.create_batch(8)
    results = outcomes(*[partial(invitations.accept, user, token) for user in crowd])
    assert results == {"done": 1, "invitation_closed": 7}
    assert len(roles_of(people.team)) == 4


def test_without_the_lock_one_link_lets_several_in(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait_without_lock(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")

    def look_then_wait(invitation: Invitation) -> None:
        assert invitation.is_open()
        wait_without_lock()

    monkeypatch.setattr(invitations, "lock_team", lambda team_id: None)
    monkeypatch.setattr(invitations, "require_open", look_then_wait)
    token = invitations.token_of(invited(people).pk)

    def accept(user: User) -> str:
        try:
            invitations.accept(user, token)
        except Exception as error:  # noqa: BLE001  # whichever way the database refuses
            return type(error).__name__
        return "done"

    results = at_once(*[partial(accept, user) for user in UserFactory.create_batch(4)])
    assert results.count("InvitationClosed") == 0
    assert len(roles_of(people.team)) == 3 + results.count("done")


def test_accepting_and_revoking_at_once_is_one_of_the_two(people: People) -> None:
    invitation = invited(people)
    token = invitations.token_of(invitation.pk)
    results = outcomes(
        partial(invitations.accept, people.stranger, token),
        partial(invitations.revoke, people.owner, people.team.pk, invitation.pk),
    )
    assert results == {"done": 1, "invitation_closed": 1}
    invitation.refresh_from_db()
    assert (invitation.accepted_at is not None) == (people.stranger in roles_of(people.team))


def test_the_same_address_invited_by_eight_at_once_is_invited_once(people: People) -> None:
    results = outcomes(*[partial(invited, people)] * 8)
    assert results == {"done": 1, "already_invited": 7}


def test_eight_jobs_at_once_send_one_mail(people: People) -> None:
    invitation = invited(people)
    results = at_once(*[partial(send_invitation_mail, invitation.pk)] * 8)
    assert sorted(results) == [False] * 7 + [True]
    assert len(mail.outbox) == 1


# --- The owner ------------------------------------------------------------------------------------------------------


def test_a_team_handed_to_two_at_once_has_one_owner(people: People) -> None:
    give = partial(membership.transfer_ownership, people.owner, people.team.pk)
    results = outcomes(partial(give, people.admin.pk), partial(give, people.member.pk))
    assert results == {"done": 1, "role_forbids": 1}
    assert Counter(roles_of(people.team).values())[Role.OWNER] == 1


def test_handing_a_team_to_somebody_who_leaves_meanwhile_keeps_an_owner(people: People) -> None:
    outcomes(
        partial(membership.transfer_ownership, people.owner, people.team.pk, people.member.pk),
        partial(membership.leave_team, people.member, people.team.pk),
    )
    assert Counter(roles_of(people.team).values())[Role.OWNER] == 1


@pytest.fixture
def lonely() -> Membership:
    """The owner of a team with nobody else in it."""
    owner = UserFactory.create()
    team = membership.create_team(owner, "Alone")
    return Membership.objects.get(team=team)


def test_two_commits_around_the_code_leave_no_team_without_an_owner(lonely: Membership) -> None:
    """Each alone would be right: the last one goes, or one more comes."""
    joining = UserFactory.create()

    def go() -> bool:
        return commits(lambda: Membership.objects.filter(pk=lonely.pk).delete())

    def come() -> bool:
        return commits(lambda: Membership.objects.create(team=lonely.team, user=joining, role=Role.MEMBER))

    assert sorted(at_once(go, come)) == [False, True]
    assert roles_of(lonely.team) in ({}, {lonely.user: Role.OWNER, joining: Role.MEMBER})


def commits(change: Callable[[], Any]) -> bool:
    try:
        with transaction.atomic():
            change()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.2)")
    except IntegrityError:
        return False
    return True
