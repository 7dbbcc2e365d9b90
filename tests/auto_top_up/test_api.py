"""The API and the page of automatic top-up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.auto_top_up.models import AutoTopUp
from tests.auto_top_up.saving import DECLINES, save_card, tick
from tests.billing.calling import API, assert_problem, browser_of
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = {
    "enabled": True,
    "threshold": "1500",
    "package_code": "starter",
    "monthly_limit": "50.00",
    "consent": True,
}
PAGE = "/credits/billing/"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def put(user: User, body: Any) -> Any:
    return browser_of(user).put(f"{API}auto-top-up", json.dumps(body), content_type="application/json")


def get(user: User, **query: str) -> Any:
    return browser_of(user).get(f"{API}auto-top-up", query)


def test_it_is_set_and_read(sandbox: Sandbox, ada: User) -> None:
    off = get(ada).json()
    assert (off["enabled"], off["state"], off["last_attempt"]) == (False, "off", None)
    save_card(sandbox, ada)
    answer = put(ada, WANTED)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "enabled": True,
            "state": "on",
            "reason": "",
            "threshold": "1500",
            "package_code": "starter",
            "amount": None,
            "currency": "usd",
            "monthly_limit": "50.00",
            "charged_this_month": "0.00",
            "last_attempt": None,
        },
    )
    tick()
    after = get(ada).json()
    assert (after["charged_this_month"], after["last_attempt"]["status"]) == ("10.00", "succeeded")
    assert put(ada, {"enabled": False}).json()["state"] == "off"


def test_a_decline_is_told(sandbox: Sandbox, ada: User) -> None:
    save_card(sandbox, ada, DECLINES)
    put(ada, WANTED)
    tick()
    told = get(ada).json()
    assert (told["state"], told["last_attempt"]["failure_code"]) == ("waiting", "generic_decline")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"consent": False}, 400, "consent_missing"),
        ({"monthly_limit": "1"}, 400, "invalid_monthly_limit"),
        ({"package_code": "nothing"}, 404, "unknown_package"),
        ({"threshold": "0"}, 400, "invalid_amount"),
        ({"amount": "5", "currency": "usd"}, 400, "invalid_request"),
        ({"threshold": "many"}, 400, "invalid_request"),
    ],
)
def test_what_cannot_be_is_refused(
    sandbox: Sandbox, ada: User, change: dict[str, Any], status: int, code: str
) -> None:
    save_card(sandbox, ada)
    assert_problem(put(ada, WANTED | change), status, code)
    assert AutoTopUp.objects.count() == 0


def test_without_a_card_it_says_so(ada: User) -> None:
    assert_problem(put(ada, WANTED), 409, "no_payment_method")


def test_a_teams_is_its_owners_and_admins(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = UserFactory()
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    save_card(sandbox, ada, team_id=team.pk)
    assert put(ada, WANTED | {"team": str(team.pk)}).status_code == 200
    assert get(ada, team=str(team.pk)).json()["state"] == "on"
    assert get(ada).json()["state"] == "off"
    assert get(member, team=str(team.pk)).status_code == 403
    assert put(member, WANTED | {"team": str(team.pk)}).status_code == 403
    assert get(UserFactory(), team=str(team.pk)).status_code == 404


def test_the_page_turns_it_on_and_off(sandbox: Sandbox, ada: User) -> None:
    browser = browser_of(ada)
    assert "Save a card first." in browser.get(PAGE).content.decode()
    save_card(sandbox, ada)
    form = {
        "threshold": "1500",
        "package": "starter",
        "monthly_limit": "50",
        "consent": "on",
        "shown_for": "personal",
    }
    refused = browser.post(f"{PAGE}auto-top-up", form | {"monthly_limit": "2", "consent": ""})
    assert refused.status_code == 422
    assert "Please agree first." in refused.content.decode()
    too_low = browser.post(f"{PAGE}auto-top-up", form | {"monthly_limit": "2"})
    assert (too_low.status_code, "at least one top-up" in too_low.content.decode()) == (422, True)
    assert AutoTopUp.objects.count() == 0

    assert browser.post(f"{PAGE}auto-top-up", form).status_code == 302
    row = AutoTopUp.objects.get()
    assert row.consent is not None
    assert "never more than $50.00 in a calendar month" in row.consent.wording
    tick()
    assert "$10.00 of $50.00" in browser.get(PAGE).content.decode()
    assert browser.post(f"{PAGE}auto-top-up/off", {"shown_for": "personal"}).status_code == 302
    row.refresh_from_db()
    assert row.state == "off"
