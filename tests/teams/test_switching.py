"""For whom somebody acts is kept in their session, and checked against the membership at each request."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import User
from accounts.teams import membership
from accounts.teams.errors import UnknownTeam
from accounts.teams.switching import acting_team, switch_to
from tests.teams.builders import People, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def request_of(user: User | AnonymousUser, session: SessionBase | None = None) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    request.session = session or SessionStore()
    return request


def test_everybody_acts_for_themselves_at_first(people: People, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert acting_team(request_of(people.member)) is None


def test_a_member_acts_for_the_team_until_they_switch_back(people: People) -> None:
    request = request_of(people.member)
    assert switch_to(request, people.team.pk) == people.team
    assert acting_team(request_of(people.member, request.session)) == people.team
    assert switch_to(request, None) is None
    assert acting_team(request) is None


def test_nobody_acts_for_a_team_that_they_are_not_in(people: People) -> None:
    request = request_of(people.stranger)
    for team_id in (people.team.pk, uuid4()):
        with pytest.raises(UnknownTeam):
            switch_to(request, team_id)
    request.session["acting_team"] = str(people.team.pk)
    assert acting_team(request) is None


def test_a_refused_switch_changes_nothing(people: People) -> None:
    request = request_of(people.member)
    switch_to(request, people.team.pk)
    with pytest.raises(UnknownTeam):
        switch_to(request, uuid4())
    assert acting_team(request) == people.team


def test_whoever_is_removed_acts_for_themselves_from_the_next_request_on(people: People) -> None:
    request = request_of(people.member)
    switch_to(request, people.team.pk)
    membership.remove_member(people.owner, people.team.pk, people.member.pk)
    assert acting_team(request_of(people.member, request.session)) is None
    assert "acting_team" not in request.session


def test_nobody_signed_in_acts_for_nobody(people: People) -> None:
    session = SessionStore()
    session["acting_team"] = str(people.team.pk)
    assert acting_team(request_of(AnonymousUser(), session)) is None
