"""`POST redemptions`, and the page that does the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.limits.counters import forget_counts
from accounts.models import User
from accounts.teams.membership import create_team
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.redemption.builders import balance_of, new_batch, new_code
from tests.support.builders import UserFactory
from tests.teams.builders import join

pytestmark = pytest.mark.django_db
PAGE = "/credits/redeem/"
WRONG = "7K3M-Q9TX-0ZB4-WHE2"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    forget_counts()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    return user


def send(client: Client, code: str, **fields: str) -> Any:
    return client.post(PAGE, {"shown_for": "personal", "code": code, "key": "display-1", **fields})


# --- API ------------------------------------------------------------------------------------------------------------


def test_the_api_answers_with_amount_balance_and_expiry(ada: User) -> None:
    client = browser_of(ada)
    answer = post_json(client, "redemptions", {"code": new_code(credits="0.1")})
    assert (answer.status_code, answer.json()) == (201, {"amount": 0.1, "balance": 0.1, "expires_at": None})
    assert b'"balance":0.1,' in answer.content

    answer = post_json(client, "redemptions/", {"code": new_code(validity_days=7)})
    told = answer.json()
    assert (answer.status_code, told["amount"], told["balance"]) == (201, 100, 100.1)
    assert told["expires_at"].endswith("Z")


def test_the_api_redeems_for_a_team_of_the_users(ada: User) -> None:
    team = create_team(UserFactory.create(), "Engines")
    body = {"code": new_code(), "team": str(team.pk)}
    assert_problem(post_json(browser_of(ada), "redemptions", body), 404, "unknown_team")
    join(team, ada)
    assert post_json(browser_of(ada), "redemptions", body).status_code == 201
    assert balance_of(ada, team) == 100


def test_the_api_refuses_every_code_that_brings_nothing_with_the_same_answer(ada: User) -> None:
    used, client = new_code(), browser_of(ada)
    key = {"Idempotency_Key": "call-1"}
    assert post_json(client, "redemptions", {"code": used}, **key).status_code == 201
    assert post_json(client, "redemptions", {"code": used}, **key).status_code == 201, "the answer was lost"
    answers = [post_json(client, "redemptions", {"code": code}) for code in (used, WRONG, "hello")]
    assert len({answer.content for answer in answers}) == 1
    for answer in answers:
        assert_problem(answer, 404, "code_invalid")
    assert balance_of(ada) == 100


@pytest.mark.parametrize("body", [{}, {"code": ""}, {"code": "7" * 101}, {"code": WRONG, "team": "us"}, []])
def test_the_api_names_what_is_wrong_with_a_request(ada: User, body: Any) -> None:
    assert_problem(post_json(browser_of(ada), "redemptions", body), 400, "invalid_request")


def test_the_api_says_when_to_try_again_after_too_many_wrong_codes(ada: User, settings: Any) -> None:
    settings.REDEMPTION_FAILURES = 1
    client = browser_of(ada)
    assert_problem(post_json(client, "redemptions", {"code": WRONG}), 404, "code_invalid")
    limited = post_json(client, "redemptions", {"code": new_code()})
    assert_problem(limited, 429, "rate_limited")
    assert 0 < int(limited["Retry-After"]) <= 3600


def test_only_who_is_signed_in_redeems() -> None:
    assert_problem(post_json(browser_of(), "redemptions", {"code": new_code()}), 401, "not_authenticated")
    assert browser_of().get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"


def test_the_schema_describes_it(ada: User) -> None:
    schema = browser_of(ada).get("/api/schema/", headers={"accept": "application/json"}).json()
    operation = schema["paths"][f"{API}redemptions"]["post"]
    assert {"201", "404", "429"} <= operation["responses"].keys()


# --- Page -----------------------------------------------------------------------------------------------------------


def test_the_shop_leads_to_the_page_and_the_page_says_what_came_in(ada: User) -> None:
    client = browser_of(ada)
    assert f'href="{PAGE}"' in client.get("/credits/").content.decode()
    answer = client.get(PAGE)
    assert answer.status_code == 200

    code = new_code(validity_days=30)
    said = send(client, code)
    assert (said.status_code, said["Location"]) == (302, "/credits/statement/")
    statement = client.get("/credits/statement/").content.decode()
    assert "100 credits added. They’re valid until" in statement
    assert f"Redemption code ending in {code[-4:]}" in statement

    send(client, code.lower())
    assert "100 credits added." in client.get("/credits/statement/").content.decode(), "pressed twice"
    assert balance_of(ada) == 100


@pytest.mark.parametrize("code", ["", WRONG, "hello"])
def test_a_refusal_keeps_what_was_typed_and_says_it_beside_the_field(ada: User, code: str) -> None:
    refused = send(browser_of(ada), code)
    page = refused.content.decode()
    assert refused.status_code == (404 if code else 400)
    assert 'aria-describedby="code-help id_code-error"' in page
    assert f'value="{code}"' in page
    assert ("This code isn’t valid." if code else "Enter the code.") in page


def test_the_page_says_when_to_try_again(ada: User, settings: Any) -> None:
    settings.REDEMPTION_FAILURES = 1
    client = browser_of(ada)
    send(client, WRONG)
    limited = send(client, WRONG)
    assert limited.status_code == 429
    assert "Too many invalid codes. Please try again in" in limited.content.decode()
    assert 0 < int(limited["Retry-After"]) <= 3600


def test_a_page_shown_for_another_account_redeems_nothing(ada: User) -> None:
    team = create_team(ada, "Engines")
    client, code = browser_of(ada), new_code()
    asked = send(client, code, shown_for=str(team.pk))
    assert asked.status_code == 409
    assert "Nothing was redeemed." in asked.content.decode()
    assert f'value="{code}"' in asked.content.decode()
    assert balance_of(ada) == balance_of(ada, team) == 0


def test_a_code_redeemed_on_a_teams_page_is_the_teams(ada: User) -> None:
    team = create_team(ada, "Engines")
    client = browser_of(ada)
    client.post("/teams/switch", {"team": str(team.pk), "next": PAGE})
    assert "The credits are added for Engines at once." in client.get(PAGE).content.decode()
    assert send(client, new_batch().codes[0], shown_for=str(team.pk)).status_code == 302
    assert "100 credits added for Engines. They don’t expire." in client.get(PAGE).content.decode()
    assert balance_of(ada, team) == 100
