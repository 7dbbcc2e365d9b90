"""The door at a view: problem documents, challenges, and people and services each at their own addresses."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client as Http
from pytest_django import Settings

from accounts.clients.api_keys import create_key
from tests.clients.conftest import make_client, token_of_service
from tests.local_world import Sandbox

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.clients.urls")]


def spend(client: Http, credentials: str | None) -> Any:
    headers = {"Authorization": credentials} if credentials else None
    return client.post("/spends/", headers=headers)


def test_a_service_comes_in_with_a_token_and_with_a_key(client: Http, provider: Sandbox) -> None:
    key = create_key(make_client(), name="k").secret

    assert spend(client, f"Bearer {token_of_service(provider)}").json() == {"client": "service"}
    assert spend(client, f"Bearer {key}").json() == {"client": "Worker"}
    assert spend(client, f"Api-Key {key}").json() == {"client": "Worker"}


def test_a_refusal_is_a_problem_with_its_code_and_challenge(client: Http) -> None:
    nobody, junk = spend(client, None), spend(client, "Bearer junk")

    assert (nobody.status_code, nobody.json()["code"]) == (401, "not_authenticated")
    assert nobody["Content-Type"] == "application/problem+json"
    assert nobody["WWW-Authenticate"] == 'Bearer realm="credits", Api-Key realm="credits"'
    assert (junk.status_code, junk.json()["code"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in junk["WWW-Authenticate"]


def test_a_session_opens_nothing_for_a_service(admin_client: Http) -> None:
    assert spend(admin_client, None).status_code == 401


def test_a_key_without_the_scope_is_refused_by_name(client: Http) -> None:
    answer = spend(client, f"Bearer {create_key(make_client(), name='k', scopes=['read']).secret}")

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert "spend" in answer.json()["detail"]
    assert 'scope="spend"' in answer["WWW-Authenticate"]


def test_one_request_too_many_is_429_with_a_time_to_wait(client: Http) -> None:
    cache.clear()
    key = create_key(make_client(requests_per_minute=2), name="k").secret
    answers = [spend(client, f"Bearer {key}") for _number in range(5)]
    refused = [answer for answer in answers if answer.status_code == 429]

    assert len(refused) >= 1  # the minute may turn meanwhile, once
    assert refused[0].json()["code"] == "rate_limited"
    assert 1 <= int(refused[0]["Retry-After"]) <= 60


def test_a_person_is_sent_from_the_services_address_and_a_service_from_the_persons(
    client: Http, provider: Sandbox
) -> None:
    person = provider.mint("buyer")["access_token"]
    at_spends = spend(client, f"Bearer {person}")
    at_balance = client.get("/balance/", headers={"Authorization": f"Bearer {token_of_service(provider)}"})

    assert (at_spends.status_code, at_spends.json()["code"]) == (403, "person_token")
    assert "client credentials or an API key" in at_spends.json()["detail"]
    assert (at_balance.status_code, at_balance.json()["code"]) == (403, "client_token")


def test_a_key_opens_no_address_of_people(client: Http) -> None:
    key = create_key(make_client(), name="k").secret

    assert client.get("/balance/", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_keys_that_cannot_be_fetched_are_503_with_a_time_to_wait(
    client: Http, provider: Sandbox, settings: Settings
) -> None:
    token = token_of_service(provider)
    settings.OIDC_OP_JWKS_ENDPOINT = "http://127.0.0.1:9/closed"
    client.raise_request_exception = False
    answer = spend(client, f"Bearer {token}")

    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer["Retry-After"] == "5"


def test_neither_a_key_nor_a_token_is_in_any_log_or_refusal(
    client: Http, provider: Sandbox, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.DEBUG = True
    key, token = create_key(make_client(), name="k").secret, token_of_service(provider)
    answers = [spend(client, f"Bearer {text}") for text in (key, token, key[:-1] + "!", token + "x")]

    said = caplog.text + "".join(answer.content.decode() for answer in answers)
    assert [answer.status_code for answer in answers] == [200, 200, 401, 401]
    assert "client_refused" in said
    for secret in (key.rsplit("_", 1)[1][:-1], token.rsplit(".", 1)[1]):
        assert secret not in said
