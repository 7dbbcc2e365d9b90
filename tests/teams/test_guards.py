"""The database's half of each rule: what raw SQL that goes around the code is refused, and by which guard."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts.teams.invitations import invite, revoke
from accounts.teams.membership import create_team, set_cap
from accounts.teams.models import Role
from tests.teams.builders import People, make_people, monthly, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    people = make_people()
    set_cap(people.owner, people.team.pk, people.member.pk, monthly(10))
    spend(people.team, people.member, 4)
    invite(people.owner, people.team.pk, "a@example.com", Role.MEMBER)
    # What was deferred so far has been checked, so that only the test's own statement can be refused.
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    return people


def run(statements: str, names: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        for statement in statements.split(";"):
            cursor.execute(statement, names)


def names_of(people: People) -> dict[str, Any]:
    return {
        "team": people.team.pk,
        "other": create_team(people.stranger, "Other").pk,
        "owner": people.owner.pk,
        "member": people.member.pk,
        "stranger": people.stranger.pk,
    }


def refused_by(statements: str, names: dict[str, Any]) -> str:
    """Runs the statements to their commit; the name of the guard that refuses it."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        run(f"{statements}; SET CONSTRAINTS ALL IMMEDIATE", names)
    cause = error.value.__cause__
    assert isinstance(cause, psycopg.Error)
    return cause.diag.constraint_name or ""


INVITED = (
    "INSERT INTO teams_invitation (id, team_id, email, role, cap_period, token_hash, expires_at)"
    " VALUES (gen_random_uuid(), %(team)s, '{email}', '{role}', '{period}', 'x', now())"
)
COUNTED = (
    "INSERT INTO teams_memberallowance (team_id, user_id, period, starts_on, spent)"
    " VALUES (%(team)s, %(member)s, '{period}', '2026-01-01', {spent})"
)
MEMBER = " WHERE team_id = %(team)s AND user_id = %(member)s"
OWNER = " WHERE team_id = %(team)s AND user_id = %(owner)s"
REFUSED = {
    "a team without a name": ("UPDATE teams_team SET name = ''", "teams_team_has_a_name"),
    "taking the owner away": (f"DELETE FROM teams_membership{OWNER}", "teams_team_has_an_owner"),
    "demoting the owner": (f"UPDATE teams_membership SET role = 'admin'{OWNER}", "teams_team_has_an_owner"),
    "members of a team without an owner": (
        "INSERT INTO teams_team (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'x');"
        "INSERT INTO teams_membership (team_id, user_id, role, cap_period)"
        " VALUES ('00000000-0000-0000-0000-000000000001', %(member)s, 'member', '')",
        "teams_team_has_an_owner",
    ),
    "a second owner": (
        f"UPDATE teams_membership SET role = 'owner', cap = NULL, cap_period = ''{MEMBER}",
        "teams_membership_one_owner_per_team",
    ),
    "one person twice": (
        "INSERT INTO teams_membership (team_id, user_id, role, cap_period)"
        " VALUES (%(team)s, %(member)s, 'admin', '')",
        "teams_membership_one_per_team_and_user",
    ),
    "a role that is none": (
        f"UPDATE teams_membership SET role = 'boss'{MEMBER}",
        "teams_membership_role_is_known",
    ),
    "a cap without a period": (
        f"UPDATE teams_membership SET cap_period = ''{MEMBER}",
        "teams_membership_cap_has_a_period",
    ),
    "a period without a cap": (
        f"UPDATE teams_membership SET cap = NULL{MEMBER}",
        "teams_membership_cap_has_a_period",
    ),
    "a cap below nothing": (
        f"UPDATE teams_membership SET cap = -1{MEMBER}",
        "teams_membership_cap_has_a_period",
    ),
    "a capped owner": (
        f"UPDATE teams_membership SET cap = 1, cap_period = 'day'{OWNER}",
        "teams_membership_owner_has_no_cap",
    ),
    "a second open invitation": (
        INVITED.format(email="a@example.com", role="member", period=""),
        "teams_invitation_one_open_per_team_and_email",
    ),
    "an invitation to an address that is not in its normal form": (
        INVITED.format(email="A@example.com", role="member", period=""),
        "teams_invitation_email_in_normal_form",
    ),
    "an invitation to be the owner": (
        INVITED.format(email="b@example.com", role="owner", period=""),
        "teams_invitation_makes_no_owner",
    ),
    "an invitation with half a cap": (
        INVITED.format(email="b@example.com", role="member", period="day"),
        "teams_invitation_cap_has_a_period",
    ),
    "an invitation that ends twice": (
        "UPDATE teams_invitation SET accepted_at = now(), revoked_at = now()",
        "teams_invitation_ends_once",
    ),
    "spending past the cap": (
        "UPDATE teams_memberallowance SET spent = 10.000001 WHERE period = 'month'",
        "teams_allowance_within_cap",
    ),
    "a first spend past the cap": (
        COUNTED.format(period="month", spent=11),
        "teams_allowance_within_cap",
    ),
    "one period counted twice, of somebody who has left": (
        f"DELETE FROM teams_membership{MEMBER};"
        "INSERT INTO teams_memberallowance (team_id, user_id, period, starts_on, spent)"
        " SELECT team_id, user_id, period, starts_on, 1 FROM teams_memberallowance",
        "teams_allowance_one_per_period",
    ),
    "less than nothing spent": (
        COUNTED.format(period="month", spent=-1),
        "teams_allowance_not_negative",
    ),
    "a period that is none": (
        COUNTED.format(period="year", spent=1),
        "teams_allowance_period_is_known",
    ),
    "a count that is deleted": ("DELETE FROM teams_memberallowance", "teams_allowance_only_counts_up"),
    "a count that is set back": (
        "UPDATE teams_memberallowance SET spent = 3.999999",
        "teams_allowance_only_counts_up",
    ),
    "a count that becomes somebody else's": (
        "UPDATE teams_memberallowance SET user_id = %(stranger)s",
        "teams_allowance_only_counts_up",
    ),
    "a count that becomes an earlier period's": (
        "UPDATE teams_memberallowance SET starts_on = '2026-01-01'",
        "teams_allowance_only_counts_up",
    ),
    "deleting whoever has spent and left": (
        f"DELETE FROM teams_membership{MEMBER}; DELETE FROM accounts_user WHERE id = %(member)s",
        "teams_allowance_keeps_its_person",
    ),
}


@pytest.mark.parametrize(("statements", "guard"), REFUSED.values(), ids=REFUSED.keys())
def test_the_database_refuses(people: People, statements: str, guard: str) -> None:
    assert refused_by(statements, names_of(people)) == guard


@pytest.mark.parametrize("change", ["team_id = %(other)s", "user_id = %(stranger)s"])
def test_a_membership_stays_with_its_team_and_person(people: People, change: str) -> None:
    names = names_of(people)
    with pytest.raises(ProgrammingError, match="Cannot update rows"), transaction.atomic():
        run(f"UPDATE teams_membership SET {change}{MEMBER}", names)


@pytest.mark.parametrize("change", ["revoked_at = NULL", "revoked_at = now() + interval '1 day'"])
def test_an_invitation_that_is_over_is_not_opened_again(people: People, change: str) -> None:
    invitation = invite(people.owner, people.team.pk, "b@example.com", Role.MEMBER)
    revoke(people.owner, people.team.pk, invitation.pk)
    with pytest.raises(ProgrammingError, match="Cannot update rows"), transaction.atomic():
        run(f"UPDATE teams_invitation SET {change} WHERE email = 'b@example.com'")


def test_a_lowered_cap_stands_although_more_is_spent(people: People) -> None:
    set_cap(people.owner, people.team.pk, people.member.pk, monthly(1))
    run("UPDATE teams_memberallowance SET spent = spent; SET CONSTRAINTS ALL IMMEDIATE")


def test_counts_are_never_emptied(people: People) -> None:
    with pytest.raises(ProgrammingError, match="Cannot truncate"), transaction.atomic():
        run("TRUNCATE teams_memberallowance")
