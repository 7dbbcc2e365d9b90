"""A spend from a team's account on behalf of a member, within the member's cap."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from accounts.teams.models import Team
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from tests.credits.builders import grant
from tests.credits_api.calling import Service, books
from tests.support.builders import UserFactory
from tests.teams.builders import join, make_people, monthly


@pytest.fixture
def team(db: None) -> Team:
    return make_people().team


@pytest.fixture
def team_account(team: Team) -> Account:
    account = ledger.open_team_account(team)
    grant(account, 100)
    return account


def spend(service: Service, account: Account, member: Any, amount: Any = 3, key: str | None = None) -> Any:
    return service.spend(account, amount, key=key, member=str(member))


def test_a_member_spends_up_to_the_cap(service: Service, team: Team, team_account: Account) -> None:
    member = UserFactory.create()
    join(team, member, cap=monthly(5))
    first = spend(service, team_account, member.pk, key="a")
    refused = spend(service, team_account, member.pk)
    again = spend(service, team_account, member.pk, key="a")

    assert first.status_code == 201
    assert Entry.objects.get(kind="spend").metadata == {"member": str(member.pk)}
    assert (refused.status_code, refused.json()["code"]) == (402, "cap_reached")
    assert (refused.json()["cap"], refused.json()["left"], refused.json()["period"]) == ("5", "2", "month")
    assert refused.json()["renews_at"].endswith("Z")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert books(team_account) == (Decimal(97), 1)


def test_a_spend_that_the_account_cannot_pay_counts_against_no_cap(
    service: Service, team: Team, team_account: Account
) -> None:
    member = UserFactory.create()
    join(team, member, cap=monthly(200))
    assert spend(service, team_account, member.pk, 101).json()["code"] == "insufficient_credits"
    assert spend(service, team_account, member.pk, 100).status_code == 201


def test_who_is_no_member_spends_nothing(service: Service, team_account: Account) -> None:
    for nobody in (uuid.uuid4(), UserFactory.create().pk):
        answer = spend(service, team_account, nobody)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_member")
    assert books(team_account) == (Decimal(100), 0)


def test_only_a_teams_account_has_members(service: Service, account: Account) -> None:
    answer = spend(service, account, account.owner_id)
    unknown = service.post("spends", {"account": str(uuid.uuid4()), "amount": 1, "member": str(uuid.uuid4())})

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "member")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_account")
