"""After signing in nobody lands on an address that takes forms alone: each says on which page its form stands."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import User
from tests.billing.calling import browser_of
from tests.config.routes import every_route
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

# Done by the time that anybody could sign in again; the last is for the provider.
SIGN_OUT = {"/accounts/logout/", "/oidc/logout/", "/oidc/backchannel-logout/"}
FOR_VISITORS_TOO = "/accounts/language"  # no click is lost with the session
LOGIN = "/accounts/login/"


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", password="a-long-password")


def sign_in(client: Client, address: str) -> str:
    """Where a sign-in leads that was asked for ``address``."""
    known = {"username": "ann", "password": "a-long-password", "next": address}
    location: str = client.post(LOGIN, known)["Location"]
    return location


def test_every_address_for_forms_alone_says_where_its_form_stands() -> None:
    client = browser_of(UserFactory.create())
    alone = {
        address: view
        for address, view in every_route()
        if not address.startswith(("/api/", "/admin/")) and client.head(address).status_code == 405
    }
    assert len(alone) > 10
    for address, view in alone.items():
        if address not in {*SIGN_OUT, FOR_VISITORS_TOO}:
            assert getattr(view, "posted_from", None), address


def test_an_address_for_forms_leads_to_its_page_however_it_was_come_by(ann: User) -> None:
    client = Client()
    assert sign_in(client, "/credits/buy") == "/credits/"
    assert "Please press Buy again." in client.get("/credits/").content.decode()
    nobody = "00000000-0000-4000-8000-00000000dead"
    assert sign_in(Client(), f"/teams/{nobody}/members/{nobody}/cap") == f"/teams/{nobody}/members/{nobody}/"


def test_what_a_form_says_of_where_it_stood_survives_and_leads_nowhere_else(ann: User) -> None:
    for back, led_to in (("/credits/history/?status=failed", None), ("//evil.example/", "/credits/")):
        client = Client()
        answer = client.post("/teams/switch", {"team": "", "next": back})
        assert answer.status_code == 302
        asked = client.get(answer["Location"]).context["next"]
        assert sign_in(client, asked) == (led_to or back)


def test_a_page_that_was_only_looked_at_says_nothing(ann: User) -> None:
    client = Client()
    asked = "/credits/history/?status=failed&page=2"
    assert client.get(asked)["Location"] == f"{LOGIN}?{urlencode({'next': asked}, safe='/')}"
    assert sign_in(client, asked) == asked
    assert list(get_messages(client.get(asked).wsgi_request)) == []


def test_no_address_puts_words_of_its_own_on_a_page(ann: User) -> None:
    client = Client()
    assert sign_in(client, "/credits/history/?again=Call+0900+1234") == "/credits/history/"
    assert "0900" not in client.get("/credits/history/").content.decode()


def test_a_sign_in_that_was_asked_for_something_unknown_goes_there(ann: User) -> None:
    assert sign_in(Client(), "/nowhere?x=1") == "/nowhere?x=1"
