"""An invitation lets one person in, once, within a week; its token is nowhere but in the mail."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.utils import timezone

from accounts.teams import invitations, membership
from accounts.teams.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvalidTeam,
    InvitationClosed,
    RoleForbids,
    TooManyInvitations,
    UnknownInvitation,
)
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.models import Invitation, Membership, Role
from tests.teams.builders import People, make_people, monthly, roles_of

pytestmark = pytest.mark.django_db
EMAIL = "new@example.com"


@pytest.fixture
def people() -> People:
    return make_people()


def invite(people: People, email: str = EMAIL, **arguments: Any) -> Invitation:
    return invitations.invite(
        people.owner, people.team.pk, email, arguments.pop("role", Role.MEMBER), **arguments
    )


def let_it_expire(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def why_refused(people: People, token: str) -> str:
    with pytest.raises(InvitationClosed) as refused:
        invitations.accept(people.stranger, token)
    return str(refused.value.params["why"])


def test_whoever_accepts_is_in_with_role_and_cap(people: People) -> None:
    invitation = invite(people, role=Role.ADMIN, cap=monthly("2.5"))
    joined = invitations.accept(people.stranger, invitations.token_of(invitation.pk))
    joined.refresh_from_db()
    assert (joined.user, joined.role, joined.cap, joined.cap_period) == (
        people.stranger,
        Role.ADMIN,
        Decimal("2.5"),
        "month",
    )
    invitation.refresh_from_db()
    assert invitation.accepted_by == people.stranger


def test_a_link_works_once(people: People) -> None:
    token = invitations.token_of(invite(people).pk)
    invitations.accept(people.stranger, token)
    membership.leave_team(people.stranger, people.team.pk)
    assert why_refused(people, token) == "accepted"
    assert people.stranger not in roles_of(people.team)


def test_a_revoked_link_lets_nobody_in(people: People) -> None:
    invitation = invite(people)
    invitations.revoke(people.admin, people.team.pk, invitation.pk)
    assert why_refused(people, invitations.token_of(invitation.pk)) == "revoked"


def test_a_link_works_for_seven_days_and_no_longer(people: People) -> None:
    invitation = invite(people)
    assert abs(invitation.expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    let_it_expire(invitation)
    assert why_refused(people, invitations.token_of(invitation.pk)) == "expired"


@pytest.mark.parametrize("token", ["", "x", "ä", "\x00", "x" * 5000])
def test_a_token_that_is_none_lets_nobody_in(people: People, token: str) -> None:
    invite(people)
    with pytest.raises(UnknownInvitation):
        invitations.accept(people.stranger, token)


def test_a_member_uses_up_nobody_elses_invitation(people: People) -> None:
    token = invitations.token_of(invite(people).pk)
    with pytest.raises(AlreadyMember):
        invitations.accept(people.member, token)
    assert invitations.accept(people.stranger, token).user == people.stranger


def test_the_token_is_kept_nowhere(people: People) -> None:
    token = invitations.token_of(invite(people).pk)
    with connection.cursor() as cursor:
        for table in ("teams_invitation", "procrastinate_jobs"):
            cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text LIKE %s", [f"%{token}%"])
            assert cursor.fetchone() == (0,)


def test_nobody_has_two_open_invitations_to_one_team(people: People) -> None:
    first = invite(people)
    with pytest.raises(AlreadyInvited):
        invite(people, "NEW@example.com ")
    invitations.revoke(people.owner, people.team.pk, first.pk)
    second = invite(people)
    let_it_expire(second)
    third = invite(people)
    assert invitations.token_of(third.pk) != invitations.token_of(second.pk)
    second.refresh_from_db()
    assert second.revoked_at is not None


def test_who_is_in_the_team_is_not_invited(people: People) -> None:
    with pytest.raises(AlreadyMember):
        invite(people, people.member.email.upper())


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "a@b.c, d@e.f", "ada@example.com\nBcc: x@y.z", "a" * 250 + "@example.com"]
)
def test_an_address_is_one_address(people: People, email: str) -> None:
    with pytest.raises(InvalidTeam):
        invite(people, email)


def test_nobody_sends_more_than_fifty_a_day(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_PER_DAY", 2)
    other = membership.create_team(people.owner, "Other")
    invite(people, "a@example.com")
    invitations.invite(people.owner, other.pk, "a@example.com", Role.MEMBER)
    with pytest.raises(TooManyInvitations):
        invite(people, "b@example.com")
    invitations.invite(people.admin, people.team.pk, "b@example.com", Role.MEMBER)
    Invitation.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    invite(people, "c@example.com")


def test_revoking_and_inviting_anew_fills_no_mailbox(people: People) -> None:
    teams = [people.team.pk, membership.create_team(people.owner, "Other").pk]
    for team in (teams * invitations.MOST_TO_ONE_PER_DAY)[: invitations.MOST_TO_ONE_PER_DAY]:
        invited = invitations.invite(people.owner, team, "a@example.com", Role.MEMBER)
        invitations.revoke(people.owner, team, invited.pk)
    with pytest.raises(TooManyInvitations) as refused:
        invite(people, "A@example.com")
    assert refused.value.params["field"] == "email"
    invite(people, "b@example.com")
    Invitation.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    invite(people, "a@example.com")


def test_an_invitation_is_revoked_once_and_by_whoever_could_make_it(people: People) -> None:
    invitation = invite(people, role=Role.ADMIN)
    for actor in (people.member, people.admin):
        with pytest.raises(RoleForbids):
            invitations.revoke(actor, people.team.pk, invitation.pk)
    invitations.revoke(people.owner, people.team.pk, invitation.pk)
    with pytest.raises(InvitationClosed):
        invitations.revoke(people.owner, people.team.pk, invitation.pk)
    with pytest.raises(UnknownInvitation):
        invitations.revoke(people.owner, people.team.pk, uuid4())


def test_no_invitation_of_another_team_is_revoked(people: People) -> None:
    other = make_people("Other")
    with pytest.raises(UnknownInvitation):
        invitations.revoke(other.owner, other.team.pk, invite(people).pk)


# --- The mail -------------------------------------------------------------------------------------------------------


def sent_mails() -> list[EmailMultiAlternatives]:
    return [sent for sent in mail.outbox if isinstance(sent, EmailMultiAlternatives)]


def test_the_mail_has_the_link_that_lets_in(people: People, settings: Any) -> None:
    settings.SITE_URL = "https://credits.example"
    people.owner.first_name, people.owner.last_name = "Grace", "Hopper"
    people.owner.save()
    invitation = invite(people, cap=monthly(500))
    assert send_invitation_mail(invitation.pk)
    (sent,) = sent_mails()
    link = f"https://credits.example/teams/join?token={invitations.token_of(invitation.pk)}"
    assert (sent.to, sent.subject) == ([EMAIL], "Join Crew on Prepaid Credits")
    for body in (sent.body, str(sent.alternatives[0][0])):
        assert link in body
        for word in ("Grace Hopper", "Crew", "500 credits per month", "Member"):
            assert word in body


def test_a_name_brings_no_markup_into_the_mail(people: People) -> None:
    membership.rename_team(people.owner, people.team.pk, "<b>A & B</b>")
    send_invitation_mail(invite(people).pk)
    (sent,) = sent_mails()
    assert "<b>A & B</b>" in sent.body
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in str(sent.alternatives[0][0])


def test_the_mail_is_sent_once(people: People) -> None:
    invitation = invite(people)
    assert [send_invitation_mail(invitation.pk) for _ in range(3)] == [True, False, False]
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_no_mail_is_sent_for_an_invitation_that_is_over(people: People, ended: str) -> None:
    invitation = invite(people)
    if ended == "revoked":
        invitations.revoke(people.owner, people.team.pk, invitation.pk)
    else:
        let_it_expire(invitation)
    assert not send_invitation_mail(invitation.pk)
    assert mail.outbox == []


def test_the_link_that_was_sent_works_when_the_sites_key_changes_before_or_after(
    people: People, settings: Any
) -> None:
    invitation = invite(people)
    settings.SECRET_KEY = "another"
    send_invitation_mail(invitation.pk)
    token = invitations.token_of(invitation.pk)
    settings.SECRET_KEY = "a third"
    assert invitations.token_of(invitation.pk) != token
    assert invitations.accept(people.stranger, token).team == people.team


def test_the_way_in_is_open_to_whoever_has_the_link(people: People) -> None:
    """Addresses at the provider differ from those people are written to; the page shows both."""
    invitation = invite(people)
    assert people.stranger.email != invitation.email
    invitations.accept(people.stranger, invitations.token_of(invitation.pk))
    assert Membership.objects.filter(team=people.team, user=people.stranger).exists()
