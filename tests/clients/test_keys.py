"""Making and revoking keys: shown once, stored as a hash, refused from the moment they are revoked."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.clients.api_keys import NewKey, create_key, revoke_key
from accounts.clients.errors import InvalidKeyRequest
from accounts.clients.models import ApiClient, ApiKey
from tests.support.api_clients import make_client

pytestmark = pytest.mark.django_db


def test_a_key_has_its_prefix_in_it_and_256_bits_of_chance(service: ApiClient) -> None:
    one, other = create_key(service, name="one"), create_key(service, name="other")

    assert re.fullmatch(r"pck_[0-9a-f]{12}_[0-9a-f]{64}", one.secret)
    assert one.secret.split("_")[1] == one.key.prefix
    assert one.secret.split("_")[2] != other.secret.split("_")[2]
    assert one.key.prefix != other.key.prefix


def test_the_secret_is_in_no_table_and_no_log(service: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    new = create_key(service, name="production")
    revoke_key(new.key)
    secret = new.secret.rsplit("_", 1)[1]

    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f"SELECT count(*) FROM {connection.ops.quote_name(table)} t WHERE t::text LIKE %s",
                [f"%{secret}%"],
            )
            assert cursor.fetchone() == (0,), table
    assert "api_key_created" in caplog.text
    assert secret not in caplog.text
    assert secret not in repr(new)


def test_the_history_of_a_key_holds_no_hash(new_key: NewKey) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), string_agg(t::text, '') FROM audit_auditentry t WHERE kind = 'clients.apikey'"
        )
        count, text = cursor.fetchone()

    assert count == 1
    assert new_key.key.secret_hash not in text


@pytest.mark.parametrize("scopes", [["read", "transfer"], []])
def test_a_key_has_no_scope_that_its_client_has_not(scopes: list[str]) -> None:
    client = make_client(scopes=["read", "spend"])

    with pytest.raises(InvalidKeyRequest):
        create_key(client, name="too much", scopes=scopes)
    assert create_key(client, name="enough", scopes=["read", "read"]).key.scopes == ["read"]
    assert create_key(client, name="all").key.scopes is None


@pytest.mark.parametrize("name", ["", "  "])
def test_a_key_has_a_name(service: ApiClient, name: str) -> None:
    with pytest.raises(InvalidKeyRequest):
        create_key(service, name=name)


def test_a_key_is_not_made_expired(service: ApiClient) -> None:
    with pytest.raises(InvalidKeyRequest):
        create_key(service, name="late", expires_at=timezone.now() - timedelta(seconds=1))
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_once(new_key: NewKey) -> None:
    key = new_key.key
    assert key.is_usable
    outcomes = [revoke_key(key)]
    first = key.revoked_at
    outcomes.append(revoke_key(key))

    assert outcomes == [True, False]
    assert first is not None
    assert ApiKey.objects.get().revoked_at == first
    assert not ApiKey.objects.get().is_usable


def test_what_staff_change_is_in_the_history_and_a_use_is_not(service: ApiClient) -> None:
    ApiClient.objects.update(last_used_at=timezone.now())
    ApiClient.objects.update(is_active=False)

    entries = AuditEntry.objects.filter(kind="clients.apiclient", object_id=str(service.pk)).order_by("id")
    assert [(entry.act, (entry.after or {})["is_active"]) for entry in entries] == [
        ("created", True),
        ("changed", False),
    ]
