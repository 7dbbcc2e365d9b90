"""The cached keys: how seldom the provider is asked, and what holds while it can't be."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import requests

from accounts.errors import InvalidTokenError, ProviderUnavailableError
from accounts.sign_in import provider_keys as keys
from accounts.sign_in.id_tokens import read_access_token
from tests.support.sandbox import Sandbox


class Wire:
    """Counts the fetches, lets them fail, and has a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetches = 0
        self.is_cut = False
        self.document: Any = None
        self.now = 1000.0
        self._get = requests.get
        monkeypatch.setattr(requests, "get", self.get)
        monkeypatch.setattr("accounts.sign_in.provider_keys.time.monotonic", lambda: self.now)

    def get(self, url: str, **options: Any) -> requests.Response:
        self.fetches += 1
        if self.is_cut:
            raise requests.ConnectionError
        answer = self._get(url, **options)
        if self.document is not None:
            answer.json = lambda **kwargs: self.document  # type: ignore[method-assign]
        return answer


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire(monkeypatch)


def mint(provider: Sandbox, **wishes: Any) -> str:
    return provider.mint("buyer", **wishes)["access_token"]


def test_keys_are_fetched_once(provider: Sandbox, wire: Wire) -> None:
    for _ in range(3):
        read_access_token(mint(provider))

    assert wire.fetches == 1


def test_a_rotated_key_is_fetched_when_it_first_turns_up(provider: Sandbox, wire: Wire) -> None:
    old = mint(provider)
    read_access_token(old)
    provider.post("/_sandbox/openid/keys/rotate")
    wire.now += keys.REFETCH_INTERVAL_S
    read_access_token(mint(provider))
    read_access_token(old)

    assert wire.fetches == 2


def test_a_withdrawn_key_is_good_for_five_minutes_at_most(provider: Sandbox, wire: Wire) -> None:
    old = mint(provider)
    read_access_token(old)
    provider.post("/_sandbox/openid/keys/rotate", {"drop_old": True})
    wire.now += 5 * 60 + 1

    with pytest.raises(InvalidTokenError) as refusal:
        read_access_token(old)
    assert refusal.value.params["reason"] == "unknown_kid"


def test_made_up_key_ids_cannot_hammer_the_provider(provider: Sandbox, wire: Wire) -> None:
    read_access_token(mint(provider))
    wire.now += keys.REFETCH_INTERVAL_S
    with pytest.raises(InvalidTokenError):
        read_access_token(mint(provider, kid="junk"))
    for number in range(20):
        with pytest.raises(ProviderUnavailableError):
            read_access_token(mint(provider, kid=f"junk-{number}"))
    with pytest.raises(InvalidTokenError):
        read_access_token(mint(provider, kid="junk"))

    assert wire.fetches == 2


def test_a_new_key_right_after_an_unknown_one_is_not_refused_but_found_seconds_later(
    provider: Sandbox, wire: Wire
) -> None:
    with pytest.raises(InvalidTokenError):
        read_access_token(mint(provider, kid="junk"))
    provider.post("/_sandbox/openid/keys/rotate")
    token = mint(provider)
    with pytest.raises(ProviderUnavailableError):
        read_access_token(token)

    wire.now += keys.REFETCH_INTERVAL_S
    assert read_access_token(token)["preferred_username"] == "buyer"
    assert wire.fetches == 2


def test_a_new_key_is_not_refused_while_the_provider_cannot_be_asked(provider: Sandbox, wire: Wire) -> None:
    read_access_token(mint(provider))
    provider.post("/_sandbox/openid/keys/rotate")
    wire.is_cut = True
    wire.now += keys.REFETCH_INTERVAL_S

    with pytest.raises(ProviderUnavailableError):
        read_access_token(mint(provider))


def test_a_provider_that_hangs_holds_up_one_request_and_not_all(
    provider: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_access_token(mint(provider))
    provider.post("/_sandbox/openid/keys/rotate")
    token, hanging, over = mint(provider), Event(), Event()
    (key_set,) = keys._key_sets.values()
    key_set._tried_at = float("-inf")

    def hang(*arguments: Any, **options: Any) -> None:
        hanging.set()
        over.wait(20)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", hang)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(read_access_token, token)
        assert hanging.wait(20)
        began = time.monotonic()
        with pytest.raises(ProviderUnavailableError):
            read_access_token(token)
        assert time.monotonic() - began < 10
        over.set()
        with pytest.raises(ProviderUnavailableError):
            first.result(20)


def test_the_last_good_keys_hold_while_the_provider_is_away(provider: Sandbox, wire: Wire) -> None:
    token = mint(provider)
    read_access_token(token)
    wire.is_cut = True
    wire.now += keys.MAX_AGE_S + 1

    assert read_access_token(token)["preferred_username"] == "buyer"
    assert wire.fetches == 2


@pytest.mark.parametrize("document", [[], {}, {"keys": []}, {"keys": [{"kid": "x", "kty": "EC"}, "?"]}])
def test_a_key_set_of_nonsense_replaces_nothing(provider: Sandbox, wire: Wire, document: Any) -> None:
    token = mint(provider)
    read_access_token(token)
    wire.document = document
    wire.now += keys.MAX_AGE_S + 1

    assert read_access_token(token)["preferred_username"] == "buyer"


def test_with_no_keys_at_all_nobody_can_say_whether_a_token_is_good(provider: Sandbox, wire: Wire) -> None:
    token = mint(provider)
    wire.is_cut = True
    for _ in range(3):
        with pytest.raises(ProviderUnavailableError):
            read_access_token(token)
    assert wire.fetches == 1

    wire.is_cut = False
    wire.now += keys.REFETCH_INTERVAL_S
    assert read_access_token(token)["preferred_username"] == "buyer"


def test_keys_for_encryption_verify_nothing() -> None:
    assert not keys._is_signing_key({"kid": "x", "kty": "RSA", "use": "enc"})
    assert not keys._is_signing_key({"kid": "x", "kty": "RSA", "alg": "RSA-OAEP"})
    assert keys._is_signing_key({"kid": "x", "kty": "RSA"})
