"""Who may change what in a team, and what a team never loses: its one owner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import ProtectedError

from accounts.audit.models import AuditEntry
from accounts.models import User
from accounts.teams import membership
from accounts.teams.errors import InvalidTeam, OwnerMustStay, RoleForbids, UnknownMember, UnknownTeam
from accounts.teams.invitations import invite
from accounts.teams.models import Invitation, Membership, Role, Team
from tests.support.builders import UserFactory
from tests.teams.builders import People, join, make_people, monthly, roles_of, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def test_whoever_creates_a_team_owns_it() -> None:
    user = UserFactory.create()
    team = membership.create_team(user, "  The \t crew ")
    assert (team.name, roles_of(team)) == ("The crew", {user: Role.OWNER})


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb", "a\x00b"])
def test_a_name_is_short_and_printable(people: People, name: str) -> None:
    with pytest.raises(InvalidTeam):
        membership.create_team(people.stranger, name)
    with pytest.raises(InvalidTeam):
        membership.rename_team(people.owner, people.team.pk, name)


Change = Callable[[User, People], Any]

CHANGES: dict[str, Change] = {
    "rename": lambda actor, people: membership.rename_team(actor, people.team.pk, "New"),
    "cap a member": lambda actor, people: membership.set_cap(
        actor, people.team.pk, people.member.pk, monthly(5)
    ),
    "remove a member": lambda actor, people: membership.remove_member(
        actor, people.team.pk, people.member.pk
    ),
    "invite a member": lambda actor, people: invite(actor, people.team.pk, "a@example.com", Role.MEMBER),
    "cap an admin": lambda actor, people: membership.set_cap(
        actor, people.team.pk, people.admin.pk, monthly(5)
    ),
    "remove an admin": lambda actor, people: membership.remove_member(actor, people.team.pk, people.admin.pk),
    "invite an admin": lambda actor, people: invite(actor, people.team.pk, "a@example.com", Role.ADMIN),
    "promote a member": lambda actor, people: membership.change_role(
        actor, people.team.pk, people.member.pk, Role.ADMIN
    ),
    "hand the team on": lambda actor, people: membership.transfer_ownership(
        actor, people.team.pk, people.member.pk
    ),
}
FOR_ADMINS = {"rename", "cap a member", "remove a member", "invite a member"}


@pytest.mark.parametrize("name", CHANGES)
def test_each_role_may_do_what_the_table_says(people: People, name: str) -> None:
    change = CHANGES[name]
    before = (roles_of(people.team), Invitation.objects.count())
    with pytest.raises(UnknownTeam):
        change(people.stranger, people)
    with pytest.raises(RoleForbids):
        change(people.member, people)
    if name not in FOR_ADMINS:
        with pytest.raises(RoleForbids):
            change(people.admin, people)
    assert (roles_of(people.team), Invitation.objects.count()) == before
    change(people.admin if name in FOR_ADMINS else people.owner, people)


@pytest.mark.parametrize("name", sorted(FOR_ADMINS))
def test_the_owner_may_do_all_that_admins_may(people: People, name: str) -> None:
    CHANGES[name](people.owner, people)


def test_nobody_looks_after_themselves_or_the_owner(people: People) -> None:
    for actor in (people.admin, people.owner):
        for of in (actor, people.owner):
            with pytest.raises(RoleForbids):
                membership.set_cap(actor, people.team.pk, of.pk, monthly(5))


@pytest.mark.parametrize("actor", ["owner", "admin"])
def test_the_owner_is_not_removed_demoted_and_does_not_leave(people: People, actor: str) -> None:
    team, owner = people.team.pk, people.owner
    refused: list[partial[Any]] = [
        partial(membership.remove_member, getattr(people, actor), team, owner.pk),
        partial(membership.leave_team, owner, team),
        partial(membership.change_role, owner, team, owner.pk, Role.MEMBER),
    ]
    for call in refused:
        with pytest.raises(OwnerMustStay):
            call()
    assert roles_of(people.team)[owner] == Role.OWNER


def test_an_owner_is_made_by_handing_over_alone(people: People) -> None:
    with pytest.raises(InvalidTeam):
        membership.change_role(people.owner, people.team.pk, people.member.pk, Role.OWNER)
    with pytest.raises(InvalidTeam):
        invite(people.owner, people.team.pk, "a@example.com", Role.OWNER)


def test_handing_over_swaps_owner_and_admin_and_lifts_the_cap(people: People) -> None:
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(5))
    membership.transfer_ownership(people.owner, people.team.pk, people.member.pk)
    assert roles_of(people.team) == {
        people.member: Role.OWNER,
        people.owner: Role.ADMIN,
        people.admin: Role.ADMIN,
    }
    assert Membership.objects.get(user=people.member).cap is None
    membership.leave_team(people.owner, people.team.pk)


def test_a_promoted_member_is_an_admin_until_demoted(people: People) -> None:
    membership.change_role(people.owner, people.team.pk, people.member.pk, Role.ADMIN)
    CHANGES["rename"](people.member, people)
    membership.change_role(people.owner, people.team.pk, people.member.pk, Role.MEMBER)
    with pytest.raises(RoleForbids):
        CHANGES["rename"](people.member, people)


def test_whoever_is_removed_takes_their_invitations_along(people: People) -> None:
    theirs = invite(people.admin, people.team.pk, "a@example.com", Role.MEMBER)
    others = invite(people.owner, people.team.pk, "b@example.com", Role.MEMBER)
    membership.remove_member(people.owner, people.team.pk, people.admin.pk)
    for invitation in (theirs, others):
        invitation.refresh_from_db()
    assert (theirs.revoked_at is None, others.revoked_at is None) == (False, True)


def test_a_cap_can_be_lifted(people: People) -> None:
    membership.set_cap(people.admin, people.team.pk, people.member.pk, monthly(5))
    member = membership.set_cap(people.admin, people.team.pk, people.member.pk, None)
    member.refresh_from_db()
    assert (member.cap, member.cap_period) == (None, "")
    assert spend(people.team, people.member, 1_000) == 1_000


def test_what_is_not_there_is_said_so(people: People) -> None:
    with pytest.raises(UnknownTeam):
        membership.rename_team(people.owner, uuid4(), "New")
    with pytest.raises(UnknownMember):
        membership.remove_member(people.owner, people.team.pk, people.stranger.pk)
    with pytest.raises(UnknownTeam):
        membership.leave_team(people.stranger, people.team.pk)


def test_two_teams_know_nothing_of_each_other(people: People) -> None:
    other = make_people("Other")
    with pytest.raises(UnknownTeam):
        membership.remove_member(people.owner, other.team.pk, other.member.pk)
    with pytest.raises(UnknownMember):
        membership.remove_member(people.owner, people.team.pk, other.member.pk)


@pytest.mark.django_db(transaction=True)
def test_a_team_is_locked_inside_a_transaction_only() -> None:
    with pytest.raises(RuntimeError):
        membership.lock_team(make_people().team.pk)


@pytest.mark.django_db(transaction=True)
def test_the_history_says_who_changed_what() -> None:
    people = make_people()
    membership.set_cap(people.admin, people.team.pk, people.member.pk, monthly(5))
    membership.remove_member(people.admin, people.team.pk, people.member.pk)
    entries = AuditEntry.objects.filter(kind="teams.membership", beside__user_id=str(people.member.pk))
    assert [(entry.act, entry.actor_id, entry.cause) for entry in entries.order_by("id")] == [
        ("created", None, ""),
        ("changed", people.admin.pk, "set_cap"),
        ("deleted", people.admin.pk, "remove_member"),
    ]
    assert entries.get(act="changed").after == {"cap": 5, "cap_period": "month"}


# --- Erasing a person -----------------------------------------------------------------------------------------------


def test_a_deleted_member_leaves_their_teams(people: People) -> None:
    people.member.delete()
    assert len(roles_of(people.team)) == 2


def test_whoever_has_spent_in_a_team_is_not_deleted(people: People) -> None:
    """Signing in again they would be somebody new, with a cap of their own."""
    spend(people.team, people.member, 5)
    membership.leave_team(people.member, people.team.pk)
    with pytest.raises(ProtectedError):
        people.member.delete()


def test_the_owner_of_others_team_is_not_erased(people: People) -> None:
    with pytest.raises(ProtectedError):
        people.owner.delete()
    assert roles_of(people.team)[people.owner] == Role.OWNER


def test_the_owner_of_a_team_of_one_can_be_erased() -> None:
    user = UserFactory.create()
    team = membership.create_team(user, "Alone")
    user.delete()
    assert Team.objects.get() == team
    assert not roles_of(team)


def test_a_member_of_one_team_may_own_another(people: People) -> None:
    own = membership.create_team(people.member, "Own")
    join(own, people.admin)
    assert roles_of(own)[people.member] == Role.OWNER
    assert roles_of(people.team)[people.member] == Role.MEMBER
