"""The API of plans, a contract: shapes, refusals, and who may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from credits.ledger.models import Account
from tests.subscriptions.story import DAY_S, DECLINES, lots, take_plan, told
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/billing/credits"


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_a_plan_is_listed_taken_changed_and_canceled(sandbox: Sandbox, ada: User, account: Account) -> None:
    api = client_of(ada)
    plus, maximum = api.get(f"{API}/plans").json()
    assert plus == {
        "plan_code": "plus", "plan_name": "Plus", "description": plus["description"], "allowance": 5000,
        "price": 40.0, "currency": "usd", "interval": "month", "rollover": "capped", "rollover_months": 1,
        "trial_days": 0,
    }  # fmt: skip
    assert maximum["plan_code"] == "max"
    assert api.get(f"{API}/subscriptions").json() == []
    created = api.post(f"{API}/subscriptions", {"plan_code": "plus"}, format="json")
    assert created.status_code == 201
    assert set(created.json()) == {"checkout_url", "session_id"}
    sandbox.pay(created.json()["session_id"])
    taken = told(sandbox, account.subscriptions.get())
    (shown,) = api.get(f"{API}/subscriptions").json()
    assert set(shown) == {
        "id", "plan_code", "status", "current_period_end", "cancel_at_period_end", "next_grant_at", "allowance",
    }  # fmt: skip
    assert (shown["plan_code"], shown["status"], shown["allowance"]) == ("plus", "active", 5000)
    assert shown["current_period_end"] == shown["next_grant_at"]
    assert problem(api.post(f"{API}/subscriptions", {"plan_code": "max"}, format="json")) == (
        409,
        "already_subscribed",
    )
    sandbox.advance(10 * DAY_S)
    one = f"{API}/subscriptions/{taken.pk}"
    assert api.patch(one, {"plan_code": "max"}, format="json").json()["plan_code"] == "max"
    assert len(lots(account)) == 2
    ending = api.patch(one, {"cancel_at_period_end": True}, format="json").json()
    assert (ending["cancel_at_period_end"], ending["next_grant_at"]) == (True, None)
    goes_on = api.patch(one, {"cancel_at_period_end": False}, format="json").json()
    assert goes_on["next_grant_at"] == goes_on["current_period_end"]


def test_refusals_say_why_and_change_nothing(sandbox: Sandbox, ada: User, account: Account) -> None:
    api = client_of(ada)
    taken = take_plan(sandbox, ada)
    one = f"{API}/subscriptions/{taken.pk}"
    for body in ({}, {"plan_code": "max", "cancel_at_period_end": True}):
        assert api.patch(one, body, format="json").status_code == 400
    assert problem(api.patch(one, {"plan_code": "none"}, format="json")) == (404, "unknown_plan")
    stranger = client_of(UserFactory())
    assert problem(stranger.patch(one, {"plan_code": "max"}, format="json")) == (404, "unknown_subscription")
    assert problem(api.patch(f"{API}/subscriptions/x", {"plan_code": "max"}, format="json"))[0] == 404
    sandbox.replace_card(str(account.customer.stripe_customer_id), DECLINES)
    assert problem(api.patch(one, {"plan_code": "max"}, format="json")) == (402, "payment_declined")
    assert lots(account) == [Decimal(5000)]


def test_a_teams_plan_is_for_its_owner_and_admins(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = Membership.objects.create(team=team, user=UserFactory(), role=Role.MEMBER).user
    order = {"plan_code": "plus", "team": str(team.pk)}
    assert problem(client_of(member).post(f"{API}/subscriptions", order, format="json")) == (
        403,
        "may_not_manage_billing",
    )
    assert client_of(UserFactory()).get(f"{API}/subscriptions?team={team.pk}").status_code == 404
    assert client_of(ada).get(f"{API}/subscriptions?team=x").status_code == 400
    assert client_of(ada).post(f"{API}/subscriptions", order, format="json").status_code == 201
