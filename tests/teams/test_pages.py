"""The pages of teams: what each person sees, may do, and is told when something is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from accounts.teams import invitations, membership
from accounts.teams.models import Invitation, Membership, Role, Team
from credits.ledger.operations import open_team_account
from tests.billing.calling import browser_of
from tests.billing.worker import run_worker
from tests.support.builders import UserFactory
from tests.teams.builders import People, make_people, monthly, roles_of, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def url(name: str, people: People, user: User | None = None, **ids: Any) -> str:
    more = {"user_id": user.pk} if user else {}
    return reverse(f"teams:{name}", kwargs={"team_id": people.team.pk, **more, **ids})


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def read(user: User, address: str) -> str:
    answer = browser_of(user).get(address)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_a_team_is_created_on_the_page() -> None:
    user = UserFactory.create()
    assert "No teams yet" in read(user, "/teams/")
    answer = browser_of(user).post("/teams/", {"name": "Crew"})
    team = Team.objects.get()
    assert answer["Location"] == f"/teams/{team.pk}/"
    assert roles_of(team) == {user: Role.OWNER}
    assert "Crew" in read(user, "/teams/")


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\u202eb"])
def test_a_name_that_is_none_is_said_beside_the_field(name: str) -> None:
    answer = browser_of(UserFactory.create()).post("/teams/", {"name": name})
    assert answer.status_code == 400
    assert 'aria-describedby="id_name-error"' in answer.content.decode()
    assert not Team.objects.exists()


def test_who_sees_whose_spending(people: People) -> None:
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(500))
    spend(people.team, people.member, "12.5")
    spend(people.team, people.admin, 7)
    for user in (people.owner, people.admin, people.member):
        assert "12.5 of 500 credits spent" in read(user, url("team", people))
    assert "7 credits spent this month" in read(people.owner, url("team", people))
    assert "7 credits spent this month" not in read(people.member, url("team", people))


def test_a_member_is_offered_nothing_that_is_refused(people: People) -> None:
    page = read(people.member, url("team", people))
    for offer in ("Invite member", "Open invitations", "Rename team", "Edit<"):
        assert offer not in page
    assert "Leave team" in page
    assert "Leave team" not in read(people.owner, url("team", people))


def test_an_admin_changes_members_and_no_other_admin(people: People) -> None:
    page = read(people.admin, url("team", people))
    assert url("member", people, people.member) in page
    for of in (people.admin, people.owner):
        assert url("member", people, of) not in page
        assert browser_of(people.admin).get(url("member", people, of)).status_code == 404
    assert "Make owner" not in read(people.admin, url("member", people, people.member))


def posts(people: People) -> dict[str, tuple[str, dict[str, str]]]:
    invitation = invitations.invite(people.owner, people.team.pk, "a@example.com", Role.MEMBER)
    return {
        "invite": (url("invite", people), {"email": "b@example.com", "role": "member", "period": "day"}),
        "revoke": (url("revoke", people, invitation_id=invitation.pk), {}),
        "rename": (url("rename", people), {"name": "New"}),
        "cap": (url("cap", people, people.member), {"cap": "5", "period": "day"}),
        "role": (url("role", people, people.member), {"role": "admin"}),
        "remove": (url("remove", people, people.member), {}),
        "owner": (url("owner", people, people.member), {}),
    }


def state_of(people: People) -> list[Any]:
    return [
        Team.objects.get().name,
        *Membership.objects.order_by("pk").values_list("user", "role", "cap"),
        *Invitation.objects.order_by("pk").values_list("email", "revoked_at"),
    ]


def test_a_stranger_finds_no_team_and_changes_nothing(people: People) -> None:
    addresses = posts(people)
    before = state_of(people)
    client = browser_of(people.stranger)
    assert client.get(url("team", people)).status_code == 404
    assert client.get(url("member", people, people.member)).status_code == 404
    for name, (address, form) in addresses.items():
        assert client.post(address, form).status_code == 404, name
    assert client.post(url("leave", people)).status_code == 404
    assert client.post("/teams/switch", {"team": people.team.pk}).status_code == 302
    assert state_of(people) == before


def test_a_members_posts_are_refused(people: People) -> None:
    addresses = posts(people)
    before = state_of(people)
    for name, (address, form) in addresses.items():
        answer = browser_of(people.member).post(address, form)
        assert answer.status_code == 403 or "Only the team’s owner" in told(answer)[0], name
    assert state_of(people) == before


def test_nothing_is_done_by_following_a_link(people: People) -> None:
    for name, (address, _form) in posts(people).items():
        assert browser_of(people.owner).get(address).status_code == 405, name
    assert browser_of(people.owner).get("/teams/switch").status_code == 405


def test_a_page_for_nobody_leads_to_signing_in(people: People) -> None:
    for address in ("/teams/", url("team", people), "/teams/join?token=x"):
        answer = browser_of().get(address)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")


Act = Callable[[People], Any]


def test_the_owner_does_all_of_it_on_the_pages(people: People) -> None:
    client = browser_of(people.owner)
    addresses = posts(people)
    for name in ("rename", "invite", "revoke", "cap", "role", "owner"):
        address, form = addresses[name]
        assert client.post(address, form)["Location"] == url("team", people), name
    assert Team.objects.get().name == "New"
    assert roles_of(people.team)[people.member] == Role.OWNER
    assert Invitation.objects.filter(revoked_at=None).get().email == "b@example.com"
    assert browser_of(people.member).post(url("remove", people, people.admin)).status_code == 302
    assert browser_of(people.owner).post(url("leave", people))["Location"] == "/teams/"
    assert roles_of(people.team) == {people.member: Role.OWNER}


def test_the_owner_is_told_how_to_leave(people: People) -> None:
    answer = browser_of(people.owner).post(url("leave", people))
    assert told(answer) == ["A team must have an owner. Make another member the owner first."]


@pytest.mark.parametrize("cap", ["-1", "NaN", "many", "1.0000001", "1e30", "Infinity"])
def test_a_cap_that_is_none_is_said_beside_the_field(people: People, cap: str) -> None:
    form = {"email": "b@example.com", "role": "member", "cap": cap, "period": "day"}
    for address in (url("cap", people, people.member), url("invite", people)):
        answer = browser_of(people.owner).post(address, form)
        assert answer.status_code == 400
        assert 'id="id_cap-error"' in answer.content.decode()
    assert not Invitation.objects.exists()


def test_a_cap_has_no_float_on_its_way(people: People) -> None:
    form = {"cap": "123456789012345678.123456", "period": "day"}
    browser_of(people.owner).post(url("cap", people, people.member), form)
    assert f"{Membership.objects.get(user=people.member).cap:f}" == form["cap"]
    assert form["cap"] in read(people.owner, url("member", people, people.member))


def test_an_empty_cap_is_none(people: People) -> None:
    membership.set_cap(people.owner, people.team.pk, people.member.pk, monthly(5))
    browser_of(people.owner).post(url("cap", people, people.member), {"cap": "", "period": "day"})
    assert Membership.objects.get(user=people.member).cap is None


def test_a_refused_invitation_keeps_what_was_typed(people: People) -> None:
    form = {"email": people.member.email, "role": "admin", "cap": "7.5", "period": "week"}
    answer = browser_of(people.owner).post(url("invite", people), form)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert f"{people.member.email} is already a member." in page
    for kept in (f'value="{people.member.email}"', 'value="7.5"', '"admin" selected', '"week" selected'):
        assert kept in page


# --- Joining --------------------------------------------------------------------------------------------------------


def link_to(people: People) -> tuple[Invitation, str]:
    invitation = invitations.invite(people.owner, people.team.pk, "a@example.com", Role.MEMBER)
    return invitation, f"/teams/join?token={invitations.token_of(invitation.pk)}"


def test_looking_at_the_link_joins_nothing(people: People) -> None:
    """Mail programs and scanners follow links too."""
    _, link = link_to(people)
    assert "Join Crew" in read(people.stranger, link)
    assert people.stranger not in roles_of(people.team)


def test_joining_takes_the_button_and_acts_for_the_team(people: People) -> None:
    invitation, _ = link_to(people)
    client = browser_of(people.stranger)
    answer = client.post("/teams/join", {"token": invitations.token_of(invitation.pk)})
    assert answer["Location"] == url("team", people)
    assert roles_of(people.team)[people.stranger] == Role.MEMBER
    assert client.session["acting_team"] == str(people.team.pk)


def test_a_link_that_is_over_says_why(people: People) -> None:
    invitation, link = link_to(people)
    Invitation.objects.update(expires_at=timezone.now())
    answer = browser_of(people.stranger).get(link)
    assert (answer.status_code, "has expired. Ask the team" in answer.content.decode()) == (410, True)
    invitations.revoke(people.owner, people.team.pk, invitation.pk)
    assert "was revoked" in browser_of(people.stranger).get(link).content.decode()
    for address in ("/teams/join", "/teams/join?token=nonsense"):
        assert browser_of(people.stranger).get(address).status_code == 404


def test_a_member_who_opens_the_link_is_told_so(people: People) -> None:
    _, link = link_to(people)
    assert "You’re already a member" in read(people.member, link)
    token = link.partition("=")[2]
    assert browser_of(people.member).post("/teams/join", {"token": token})["Location"] == url("team", people)
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.django_db(transaction=True)
def test_the_worker_finds_the_job_and_sends_the_mail() -> None:
    people = make_people()
    _, link = link_to(people)
    assert mail.outbox == []
    run_worker()
    assert [sent.to for sent in mail.outbox] == [["a@example.com"]]
    assert link in mail.outbox[0].body
    job = ProcrastinateJob.objects.get(task_name="teams.send_invitation")
    assert job.status == "succeeded"


# --- The switcher ---------------------------------------------------------------------------------------------------


def test_the_switcher_is_for_people_with_a_team(people: People) -> None:
    assert 'class="switcher"' in read(people.member, "/credits/")
    assert 'class="switcher"' not in read(people.stranger, "/credits/")


def test_switching_leads_back_to_the_page(people: People) -> None:
    client = browser_of(people.member)
    answer = client.post("/teams/switch", {"team": people.team.pk, "next": "/credits/history/?status=failed"})
    assert answer["Location"] == "/credits/history/?status=failed"
    assert client.session["acting_team"] == str(people.team.pk)
    client.post("/teams/switch", {"team": ""})
    assert "acting_team" not in client.session


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_switching_leads_nowhere_else(people: People, elsewhere: str) -> None:
    answer = browser_of(people.member).post("/teams/switch", {"team": people.team.pk, "next": elsewhere})
    assert answer["Location"] == "/credits/"


@pytest.mark.parametrize("team", ["6f1c9a52-3d0e-4b7a-9c55-8a2d3f7b1e60", "nonsense"])
def test_a_team_that_is_not_ones_own_is_not_switched_to(people: People, team: str) -> None:
    client = browser_of(people.member)
    assert told(client.post("/teams/switch", {"team": team})) == [
        "This team doesn’t exist, or you’re not a member."
    ]
    assert "acting_team" not in client.session


# --- For staff ------------------------------------------------------------------------------------------------------


def test_staff_read_teams_and_change_nothing(people: People) -> None:
    link_to(people)
    account = open_team_account(people.team)
    staff = browser_of(UserFactory.create(is_staff=True, is_superuser=True))
    shown = staff.get("/admin/teams/team/", {"q": people.member.email})
    assert list(shown.context["cl"].result_list) == [people.team]
    page = f"/admin/teams/team/{people.team.pk}/change/"
    text = staff.get(page).content.decode()
    for word in ("Crew", people.owner.username, "a@example.com", "Open", f"/account/{account.pk}/change/"):
        assert word in text
    assert f"/admin/teams/team/?memberships__user__id__exact={people.member.pk}" in staff.get(
        f"/admin/accounts/user/{people.member.pk}/change/"
    ).content.decode().replace("&amp;", "&")
    listed = staff.get(f"/admin/teams/team/?memberships__user__id__exact={people.member.pk}")
    assert list(listed.context["cl"].result_list) == [people.team]
    for address in (page, "/admin/teams/team/add/", f"/admin/teams/team/{people.team.pk}/delete/"):
        assert staff.post(address, {"name": "x", "post": "yes"}).status_code == 403
    assert browser_of(people.owner).get(page).status_code == 302
