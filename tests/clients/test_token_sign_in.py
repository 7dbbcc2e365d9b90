"""Signing in with the provider's client credentials: proven here, remembered while it lasts, never a person's."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from django.conf import settings
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.clients import client_tokens as tokens
from accounts.clients.authentication import Client, authenticate_client
from accounts.clients.errors import ClientDisabled, InvalidClientToken, PersonToken, UnknownClient
from accounts.clients.models import ApiClient
from accounts.errors import ProviderUnavailableError
from accounts.models import User
from accounts.sign_in import provider_keys as keys
from accounts.sign_in.id_tokens import read_access_token
from tests.accounts.forgeries import FORGED
from tests.support.api_clients import WORKER, make_client, mint_for_client, token_of_service
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db


def sign_in(token: str) -> Client:
    return authenticate_client(f"Bearer {token}")


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each token whose signature was verified."""
    seen: list[str] = []

    def watched(token: object) -> dict[str, Any]:
        seen.append(str(token))
        return read_access_token(token)

    monkeypatch.setattr(tokens, "read_access_token", watched)
    return seen


def test_a_client_with_the_role_is_registered_when_it_first_calls(provider: Sandbox) -> None:
    client = sign_in(token_of_service(provider))

    registered = ApiClient.objects.get()
    assert (registered.oidc_client_id, registered.name) == ("service", "service")
    scopes = frozenset({"read", "spend", "transfer"})
    assert client == Client(registered.pk, "service", scopes, settings.CREDITS_API_RATE)
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_several_first_calls_at_once_register_one_client(provider: Sandbox) -> None:
    token = token_of_service(provider)

    clients = at_once(*[lambda: sign_in(token)] * 8)

    assert {client.id for client in clients} == {ApiClient.objects.get().pk}


def test_a_client_without_the_role_comes_in_only_when_staff_have_registered_it(provider: Sandbox) -> None:
    token = mint_for_client(provider)
    with pytest.raises(UnknownClient) as refusal:
        sign_in(token)
    assert (refusal.value.code, refusal.value.status) == ("unknown_client", 403)
    assert not ApiClient.objects.exists()

    make_client(scopes=["read"])
    assert sign_in(token).scopes == {"read"}


def test_the_role_is_the_one_of_the_setting(provider: Sandbox, settings: Settings) -> None:
    settings.OIDC_SERVICE_ROLE = "credits-service"

    with pytest.raises(UnknownClient):
        sign_in(mint_for_client(provider, realm_access={"roles": ["service"]}))
    assert sign_in(mint_for_client(provider, realm_access={"roles": ["credits-service"]}))


@pytest.mark.parametrize("forgery", FORGED.values(), ids=FORGED.keys())
def test_a_wrong_token_opens_nothing(provider: Sandbox, forgery: dict[str, Any]) -> None:
    wrong = {
        **forgery,
        "claims": {"sub": "svc", "client_id": "svc", "azp": "svc", **forgery.get("claims", {})},
    }

    with pytest.raises(InvalidClientToken) as refusal:
        sign_in(provider.mint("buyer", **wrong)["access_token"])
    assert (refusal.value.code, refusal.value.status) == ("invalid_token", 401)
    assert not ApiClient.objects.exists()


def test_a_tampered_token_opens_nothing_even_where_the_true_one_is_remembered(provider: Sandbox) -> None:
    token = token_of_service(provider)
    sign_in(token)
    head, body, signature = token.split(".")

    for wrong in (
        f"{head}.{body}x.{signature}",
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        token + "x",
        token[1:],
    ):
        with pytest.raises(InvalidClientToken):
            sign_in(wrong)


@pytest.mark.parametrize("token", ["", "junk", "a.b.c", "ü.ü.ü", "a b"])
def test_what_is_no_token_is_invalid(token: str) -> None:
    with pytest.raises(InvalidClientToken):
        sign_in(token)


PEOPLE: dict[str, dict[str, Any]] = {
    "a person": {},
    "a person who is named as a service account": {"preferred_username": "service-account-evil"},
    "a person named as this client's service account, in a session": {
        "preferred_username": f"service-account-{WORKER}",
        "sid": "s",
        "client_id": WORKER,
    },
    "a person named as another client's service account": {
        "preferred_username": "service-account-other",
        "sid": None,
        "client_id": WORKER,
    },
    "a person whom somebody gave the role of services": {
        "preferred_username": None,
        "sid": None,
        "realm_access": {"roles": ["service"]},
    },
    "a person of a provider that names clients, not people": {
        "preferred_username": None,
        "sid": None,
        "client_id": WORKER,
    },
}


@pytest.mark.parametrize("claims", PEOPLE.values(), ids=PEOPLE.keys())
def test_a_persons_token_is_no_services_even_through_a_client_that_is_known(
    provider: Sandbox, claims: dict[str, Any]
) -> None:
    make_client()

    with pytest.raises(PersonToken) as refusal:
        sign_in(provider.mint("staff", claims={"azp": WORKER, **claims})["access_token"])
    assert (refusal.value.code, refusal.value.status) == ("person_token", 403)
    assert "API key" in refusal.value.message


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": WORKER, "preferred_username": None},
        {"preferred_username": None, "realm_access": {"roles": ["service"]}},
        {"client_id": None},
        {"sub": None},
        {"sub": None, "client_id": None, "preferred_username": None, "realm_access": {"roles": ["service"]}},
    ],
)
def test_a_clients_own_token_is_known_in_each_shape(provider: Sandbox, claims: dict[str, Any]) -> None:
    service = make_client()

    assert sign_in(mint_for_client(provider, **claims)).id == service.pk


def test_keycloak_writes_a_service_accounts_name_in_small_letters(provider: Sandbox) -> None:
    service = make_client(oidc_client_id="Worker")
    token = mint_for_client(provider, "Worker", preferred_username="service-account-worker")

    assert sign_in(token).id == service.pk


@pytest.mark.parametrize("client_id", ["x" * 256, "a\x00b", 7, None])
def test_a_client_that_cannot_be_named_is_refused(provider: Sandbox, client_id: Any) -> None:
    claims = {"client_id": client_id, "azp": None, "preferred_username": "service-account-x"}
    with pytest.raises(InvalidClientToken):
        sign_in(mint_for_client(provider, **claims))


def test_a_client_that_is_switched_off_is_refused_by_the_next_request(provider: Sandbox) -> None:
    token = token_of_service(provider)
    sign_in(token)
    ApiClient.objects.update(is_active=False)

    with pytest.raises(ClientDisabled):
        sign_in(token)


def test_scopes_that_staff_take_away_are_gone_with_the_next_request(provider: Sandbox) -> None:
    token = token_of_service(provider)
    sign_in(token)
    ApiClient.objects.update(scopes=["read"], requests_per_minute=5)

    client = sign_in(token)
    assert (client.scopes, client.requests_per_minute) == (frozenset({"read"}), 5)


def test_a_known_token_costs_one_query_no_network_and_no_signature(
    provider: Sandbox,
    verified: list[str],
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = token_of_service(provider)
    sign_in(token)
    monkeypatch.setattr(requests, "get", lambda *args, **kwargs: pytest.fail("asked the provider"))

    with django_assert_num_queries(1):
        sign_in(token)
    assert verified == [token]


def test_a_remembered_token_ends_with_its_time(provider: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of_service(provider)
    sign_in(token)
    later = time.time() + 300 + 31
    monkeypatch.setattr("accounts.clients.client_tokens.time.time", lambda: later)
    monkeypatch.setattr(
        "accounts.clients.client_tokens.read_access_token", lambda token: pytest.fail("verified again")
    )

    with pytest.raises(pytest.fail.Exception, match="verified again"):
        sign_in(token)


def test_a_token_is_remembered_no_longer_than_the_key_that_proved_it(
    provider: Sandbox, verified: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of_service(provider)
    sign_in(token)
    keys.forget_keys()
    sign_in(token)
    assert len(verified) == 2

    provider.post("/_sandbox/openid/keys/rotate", {"drop_old": True})
    later = time.monotonic() + keys.MAX_AGE_S + 1
    monkeypatch.setattr("accounts.sign_in.provider_keys.time.monotonic", lambda: later)
    with pytest.raises(InvalidClientToken):
        sign_in(token)


def test_no_more_tokens_are_remembered_than_fit(provider: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    make_client()
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 3)
    for _number in range(5):
        sign_in(mint_for_client(provider, jti=str(_number)))

    assert len(tokens._proofs) == 3


def test_a_token_itself_is_not_remembered(provider: Sandbox) -> None:
    token = token_of_service(provider)
    sign_in(token)

    assert token.rsplit(".", 1)[1] not in repr(tokens._proofs)


def test_keys_that_cannot_be_fetched_are_503_with_a_time_to_wait(
    provider: Sandbox, settings: Settings
) -> None:
    token = token_of_service(provider)
    settings.OIDC_OP_JWKS_ENDPOINT = "http://127.0.0.1:9/closed"

    with pytest.raises(ProviderUnavailableError) as refusal:
        sign_in(token)
    assert refusal.value.status == 503
    assert refusal.value.headers == {"Retry-After": "5"}


def test_with_no_provider_every_token_is_invalid(provider: Sandbox, settings: Settings) -> None:
    token = token_of_service(provider)
    settings.OIDC_ISSUER = ""

    with pytest.raises(InvalidClientToken):
        sign_in(token)
