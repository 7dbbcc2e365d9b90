"""Signing in with an API key: one query, compared in constant time, refused at once when it is over."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.clients import api_keys as keys
from accounts.clients.api_keys import NewKey, create_key, revoke_key
from accounts.clients.authentication import Client, authenticate_client, require_scope
from accounts.clients.errors import (
    ApiKeyExpired,
    ApiKeyRevoked,
    ClientDisabled,
    InvalidApiKey,
    MissingScope,
    NotAuthenticated,
)
from accounts.clients.lookup import ClientRow, KeyRow, find_key
from accounts.clients.models import ApiClient, ApiKey
from tests.support.api_clients import make_client

pytestmark = pytest.mark.django_db


def sign_in(secret: str) -> Client:
    return authenticate_client(f"Bearer {secret}")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "Api-Key {}", "API-KEY  {} ", " Bearer {}"])
def test_a_key_opens_the_door_by_either_scheme(new_key: NewKey, settings: Settings, header: str) -> None:
    client = authenticate_client(header.format(new_key.secret))

    assert client == Client(
        id=new_key.key.client_id,
        name="Worker",
        scopes=frozenset({"read", "spend", "transfer"}),
        requests_per_minute=settings.CREDITS_API_RATE,
    )


def test_a_client_may_have_a_limit_of_its_own() -> None:
    new = create_key(make_client(requests_per_minute=7), name="slow")

    assert sign_in(new.secret).requests_per_minute == 7


@pytest.mark.parametrize("header", ["", " ", "Basic d29ya2VyOng=", "Token abc", "pck_0_0"])
def test_a_call_that_names_nobody_is_told_how_to_sign_in(header: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        authenticate_client(header)

    assert (refusal.value.code, refusal.value.status) == ("not_authenticated", 401)
    assert refusal.value.headers == {"WWW-Authenticate": 'Bearer realm="credits", Api-Key realm="credits"'}


def wrong_keys(secret: str) -> list[str]:
    last = "0" if secret[-1] != "0" else "1"
    return [
        secret[:-1] + last,
        secret[:-1],
        secret + "0",
        secret + "\n",
        secret.upper(),
        "pck_" + "0" * 12 + secret[16:],
        "pck_'; --",
        "pck_\x00",
        "pck_ü",
        "pck_",
        secret.rsplit("_", 1)[1],
        "",
    ]


def test_a_key_with_one_character_wrong_opens_nothing(new_key: NewKey) -> None:
    for wrong in wrong_keys(new_key.secret):
        with pytest.raises(InvalidApiKey) as refusal:
            authenticate_client(
                f"Api-Key {wrong}" if wrong.strip() != new_key.secret else f"Api-Key x{wrong}"
            )
        assert (refusal.value.code, refusal.value.status) == ("invalid_api_key", 401)
        assert "invalid_token" in refusal.value.headers["WWW-Authenticate"]


def test_a_text_that_is_no_key_never_reaches_the_database(
    new_key: NewKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0), pytest.raises(InvalidApiKey):
        sign_in("pck_' OR true --")


def test_the_stored_hash_opens_nothing(new_key: NewKey) -> None:
    with pytest.raises(InvalidApiKey):
        sign_in(f"pck_{new_key.key.prefix}_{new_key.key.secret_hash}")


def test_hashes_are_compared_in_constant_time(new_key: NewKey, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []

    def watched(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(keys, "compare_digest", watched)
    sign_in(new_key.secret)

    assert compared == [(new_key.key.secret_hash, new_key.key.secret_hash)]


def test_a_key_costs_one_query(new_key: NewKey, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    sign_in(new_key.secret)

    with django_assert_num_queries(1):
        sign_in(new_key.secret)


def test_the_one_query_leaves_out_nothing_that_decides(new_key: NewKey) -> None:
    found = find_key(new_key.key.prefix)
    assert found is not None
    client, key = found

    assert client == ClientRow(
        new_key.key.client_id, "Worker", ["read", "spend", "transfer"], None, True, True
    )
    assert key == KeyRow(new_key.key.pk, new_key.key.secret_hash, None, False, False, True)
    assert find_key("0" * 12) is None


def test_a_revoked_key_is_refused_by_the_next_request(new_key: NewKey) -> None:
    sign_in(new_key.secret)
    revoke_key(new_key.key)

    with pytest.raises(ApiKeyRevoked) as refusal:
        sign_in(new_key.secret)
    assert (refusal.value.code, refusal.value.status) == ("api_key_revoked", 401)


def test_a_key_ends_with_its_time(service: ApiClient) -> None:
    new = create_key(service, name="short", expires_at=timezone.now() + timedelta(hours=1))
    sign_in(new.secret)
    ApiKey.objects.update(expires_at=ApiKey.objects.get().created_at + timedelta(microseconds=1))

    with pytest.raises(ApiKeyExpired) as refusal:
        sign_in(new.secret)
    assert (refusal.value.code, refusal.value.status) == ("api_key_expired", 401)


def test_only_who_has_the_key_is_told_that_it_was_revoked(new_key: NewKey) -> None:
    revoke_key(new_key.key)

    with pytest.raises(InvalidApiKey):
        sign_in(new_key.secret[:-8] + "0" * 8)


def test_a_client_that_is_switched_off_is_refused_by_the_next_request(new_key: NewKey) -> None:
    sign_in(new_key.secret)
    ApiClient.objects.update(is_active=False)

    with pytest.raises(ClientDisabled) as refusal:
        sign_in(new_key.secret)
    assert (refusal.value.code, refusal.value.status) == ("client_disabled", 403)


def test_a_keys_scopes_are_its_own_and_never_more_than_its_clients(service: ApiClient) -> None:
    all_of_it = create_key(service, name="all")
    some = create_key(service, name="some", scopes=["read", "spend"])
    assert sign_in(some.secret).scopes == {"read", "spend"}
    ApiClient.objects.update(scopes=["spend"])

    assert sign_in(some.secret).scopes == {"spend"}
    assert sign_in(all_of_it.secret).scopes == {"spend"}


def test_a_scope_that_is_missing_is_named(service: ApiClient) -> None:
    client = sign_in(create_key(service, name="reader", scopes=["read"]).secret)
    require_scope(client, "read")

    with pytest.raises(MissingScope) as refusal:
        require_scope(client, "spend")
    assert (refusal.value.code, refusal.value.status) == ("missing_scope", 403)
    assert refusal.value.params == {"scope": "spend"}
    assert 'error="insufficient_scope", scope="spend"' in refusal.value.headers["WWW-Authenticate"]
