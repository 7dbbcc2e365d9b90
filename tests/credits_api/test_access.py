"""Who may call, and how often."""

from __future__ import annotations

import logging
import uuid

import pytest
from pytest_django import Settings

from accounts.clients.api_keys import create_key
from credits.ledger.models import Account
from tests.credits_api.calling import Service
from tests.support.api_clients import make_client, token_of_service
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

SCOPES = {
    "spend": [("post", "spends"), ("post", "spends/batch"), ("post", "holds")]
    + [("post", f"holds/{uuid.uuid4()}/{what}") for what in ("capture", "release")],
    "read": [("get", f"accounts/{uuid.uuid4()}/{what}") for what in ("balance", "entries")]
    + [("get", f"holds/{uuid.uuid4()}")],
    "transfer": [("post", "transfers")],
}


def service_with(*scopes: str) -> Service:
    client = make_client(name=str(uuid.uuid4()), oidc_client_id=None)
    return Service(create_key(client, name="k", scopes=scopes).secret)


@pytest.mark.django_db
@pytest.mark.parametrize("scope", SCOPES)
def test_each_address_needs_its_scope(scope: str) -> None:
    others = service_with(*(SCOPES.keys() - {scope}))
    for method, path in SCOPES[scope]:
        answer = getattr(others, method)(path)

        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), path
        assert f'scope="{scope}"' in answer["WWW-Authenticate"]


@pytest.mark.django_db
def test_nobody_gets_in_anywhere() -> None:
    nobody = Service("junk")
    for method, path in (call for calls in SCOPES.values() for call in calls):
        answer = getattr(nobody, method)(path)

        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), path
        assert answer["Content-Type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer


def test_a_key_in_either_scheme_and_a_token_of_the_provider_spend(
    service: Service, account: Account, provider: Sandbox
) -> None:
    token = Service(token_of_service(provider))
    body = {"account": str(account.pk), "amount": 1}

    assert service.spend(account).status_code == 201
    assert service.post("spends", body, Authorization=f"Api-Key {service.secret}").status_code == 201
    assert token.spend(account).status_code == 201


def test_a_person_is_turned_away(account: Account, provider: Sandbox) -> None:
    answer = Service(provider.mint("buyer")["access_token"]).spend(account)

    assert (answer.status_code, answer.json()["code"]) == (403, "person_token")
    assert "client credentials or an API key" in answer.json()["detail"]


def test_a_service_opens_no_address_of_people(service: Service, provider: Sandbox) -> None:
    answers = [
        service.http.get("/api/v1/billing/credits/balance", headers={"Authorization": f"Bearer {secret}"})
        for secret in (token_of_service(provider), service.secret)
    ]

    refused = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert refused == [(403, "client_token"), (401, "invalid_token")]


def test_neither_a_key_nor_a_token_is_in_any_log_or_refusal(
    service: Service,
    account: Account,
    provider: Sandbox,
    caplog: pytest.LogCaptureFixture,
    settings: Settings,
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.DEBUG = True
    key, token = service.secret, token_of_service(provider)
    answers = [Service(text).spend(account) for text in (key, token, key[:-1] + "!", token + "x")]

    said = caplog.text + "".join(answer.content.decode() for answer in answers)
    assert [answer.status_code for answer in answers] == [201, 201, 401, 401]
    assert "client_refused" in said
    for secret in (key.rsplit("_", 1)[1][:-1], token.rsplit(".", 1)[1]):
        assert secret not in said


def test_a_session_opens_nothing(service: Service) -> None:
    service.http.force_login(UserFactory.create())
    answer = service.http.post("/api/v1/credits/spends", headers={"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="credits", Api-Key realm="credits"'


def test_a_token_that_cannot_be_checked_now_may_come_again(
    account: Account, provider: Sandbox, settings: Settings
) -> None:
    token = Service(token_of_service(provider))
    settings.OIDC_OP_JWKS_ENDPOINT = "http://127.0.0.1:9/closed"
    answer = token.spend(account)

    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert int(answer["Retry-After"]) > 0


def test_a_client_makes_so_many_requests_a_minute(account: Account) -> None:
    client = make_client(requests_per_minute=2)
    service = Service(create_key(client, name="k").secret)
    answers = [service.spend(account) for _number in range(5)]
    let_in = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert 1 <= len(refused) <= 3  # the minute may turn meanwhile, once
    assert refused[0].json()["code"] == "rate_limited"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60
    assert (let_in[0]["RateLimit-Limit"], let_in[0]["RateLimit-Remaining"]) == ("2", "1")
    assert 1 <= int(let_in[0]["RateLimit-Reset"]) <= 60


def test_an_account_is_asked_so_often_a_minute_whoever_asks(
    service: Service, account: Account, settings: Settings
) -> None:
    settings.CREDITS_USER_RATE = 2
    calls = [service.spend(account) for _number in range(3)]
    calls += [service.get(f"accounts/{account.pk}/balance"), service.get(f"accounts/{account.pk}/entries")]

    assert calls[-1].status_code == 429
    assert calls[-1].json()["code"] == "rate_limited"


def test_a_batch_is_one_request_and_counts_against_its_client_alone(
    service: Service, account: Account, settings: Settings
) -> None:
    settings.CREDITS_USER_RATE = 1
    items = [{"account": str(account.pk), "amount": 1, "key": str(number)} for number in range(20)]
    answer = service.post("spends/batch", {"spends": items})

    assert {result["status"] for result in answer.json()["results"]} == {"done"}
    assert service.spend(account).status_code == 201
