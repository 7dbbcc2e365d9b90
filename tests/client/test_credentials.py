"""Client credentials: the provider's token is fetched once, renewed before it ends, and once more after a 401."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prepaid_credits import CreditsClient, NotAuthenticated, ServerError, TokenRefused

from accounts.clients.models import ApiClient
from accounts.sign_in.provider_keys import forget_keys
from credits.ledger.models import Account
from tests.client.books import charged
from tests.client.relay import IMPATIENT, Relay, relay_to
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

TOKEN_PATH = "/realms/demo/protocol/openid-connect/token"


@pytest.fixture
def provider_relay(provider: Sandbox) -> Iterator[Relay]:
    """Before the provider: its ``keys`` count the requests for tokens."""
    with relay_to(provider.url) as relay:
        yield relay


@pytest.fixture
def service(relay: Relay, provider_relay: Relay) -> Iterator[CreditsClient]:
    with sign_in(relay, provider_relay, "service") as client:
        yield client


def sign_in(relay: Relay, provider_relay: Relay, client_secret: str) -> CreditsClient:
    return CreditsClient(
        relay.url,
        client_id="service",
        client_secret=client_secret,
        token_url=provider_relay.url + TOKEN_PATH,
        retrying=IMPATIENT,
    )


def tokens_asked_for(provider_relay: Relay) -> int:
    return len(provider_relay.keys)


def test_one_token_serves_all_threads_until_it_ends(
    service: CreditsClient, account: Account, provider_relay: Relay
) -> None:
    at_once(*[lambda: service.spend(account.pk, 1)] * 4)
    service.spend(account.pk, 1)

    assert (len(charged(account)), tokens_asked_for(provider_relay)) == (5, 1)
    assert ApiClient.objects.get().oidc_client_id == "service"


def test_a_token_is_renewed_before_it_ends(
    service: CreditsClient, account: Account, provider_relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    service.spend(account.pk, 1)
    now = time.monotonic()
    # The demo's tokens last 300 s, and are renewed 30 s before.
    for later, asked in ((269, 1), (271, 2), (271, 2)):
        monkeypatch.setattr("prepaid_credits.credentials.time.monotonic", lambda later=later: now + later)
        service.balance(account.pk)
        assert tokens_asked_for(provider_relay) == asked


def test_a_token_that_is_refused_is_renewed_once(
    service: CreditsClient, account: Account, relay: Relay, provider_relay: Relay
) -> None:
    service.spend(account.pk, 1)
    relay.answer(401, "Content-Type: application/problem+json", body='{"code": "invalid_token"}')
    service.spend(account.pk, 1)

    assert (len(charged(account)), tokens_asked_for(provider_relay)) == (2, 2)

    for _ in range(2):
        relay.answer(401, "Content-Type: application/problem+json", body='{"code": "invalid_token"}')
    with pytest.raises(NotAuthenticated):
        service.spend(account.pk, 1)
    assert tokens_asked_for(provider_relay) == 3


def test_a_provider_that_fails_is_tried_again(
    service: CreditsClient, account: Account, provider_relay: Relay
) -> None:
    provider_relay.answer(503)
    provider_relay.order("lose the answer")
    service.spend(account.pk, 1)

    assert (len(charged(account)), tokens_asked_for(provider_relay)) == (1, 3)


def test_a_provider_that_stays_away_is_an_error(service: CreditsClient, provider_relay: Relay) -> None:
    for _ in range(IMPATIENT.attempts):
        provider_relay.answer(503)
    with pytest.raises(ServerError):
        service.balance("anything")


def test_a_wrong_secret_is_refused_at_once_and_told_to_nobody(
    relay: Relay, provider_relay: Relay, account: Account
) -> None:
    secret = "mistyped-7431"
    with sign_in(relay, provider_relay, secret) as stranger, pytest.raises(TokenRefused) as refused:
        stranger.spend(account.pk, 1)

    assert tokens_asked_for(provider_relay) == 1
    assert secret not in f"{refused.value}{refused.value!r}{stranger!r}"


def test_one_way_to_sign_in_is_chosen() -> None:
    arguments: list[dict[str, Any]] = [
        {},
        {"api_key": "pck_x", "client_id": "service"},
        {"client_id": "service", "client_secret": "service"},
    ]
    for wrong in arguments:
        with pytest.raises(TypeError, match="Give an api_key"):
            CreditsClient("http://localhost", **wrong)
    with pytest.raises(ValueError, match="line break") as refused:
        CreditsClient("http://localhost", api_key="pck_secret\n")
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="base_url"):
        CreditsClient("localhost:8000", api_key="pck_x")


@pytest.fixture(autouse=True)
def _no_keys() -> None:
    forget_keys()
