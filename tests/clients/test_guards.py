"""The database refuses what the code would not do, whoever asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.clients.api_keys import NewKey, revoke_key
from accounts.clients.models import ApiClient, ApiKey

pytestmark = pytest.mark.django_db

YESTERDAY = timezone.now() - timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"name": ""}, "clients_client_has_a_name"),
        ({"oidc_client_id": ""}, "clients_client_oidc_id_not_blank"),
        ({"scopes": ["spend", "everything"]}, "clients_client_scopes_exist"),
        ({"scopes": []}, "clients_client_active_has_a_scope"),
        ({"requests_per_minute": 0}, "clients_client_rate_positive"),
    ],
)
def test_a_client_that_breaks_a_rule_is_refused(
    service: ApiClient, change: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        ApiClient.objects.filter(pk=service.pk).update(**change)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"name": ""}, "clients_key_has_a_name"),
        ({"prefix": "ABCDEFABCDEF"}, "clients_key_prefix_well_formed"),
        ({"secret_hash": "pck_a_secret"}, "clients_key_holds_a_hash"),
        ({"scopes": ["everything"]}, "clients_key_scopes_exist"),
        ({"expires_at": YESTERDAY}, "clients_key_expires_after_creation"),
        ({"revoked_at": YESTERDAY}, "clients_key_revoked_after_creation"),
    ],
)
def test_a_key_that_breaks_a_rule_is_refused(
    service: ApiClient, change: dict[str, Any], constraint: str
) -> None:
    sound = {"client": service, "name": "k", "prefix": "0" * 12, "secret_hash": "0" * 64}

    with pytest.raises(IntegrityError, match=constraint):
        ApiKey.objects.create(**{**sound, **change})


def test_two_clients_have_not_one_name_at_the_provider(service: ApiClient) -> None:
    with pytest.raises(IntegrityError, match="oidc_client_id"):
        ApiClient.objects.create(name="twin", oidc_client_id=service.oidc_client_id, scopes=["read"])


def test_two_keys_have_not_one_prefix(new_key: NewKey) -> None:
    with pytest.raises(IntegrityError, match="prefix"):
        ApiKey.objects.create(
            client=new_key.key.client, name="twin", prefix=new_key.key.prefix, secret_hash="0" * 64
        )


@pytest.mark.parametrize(
    "change",
    [{"secret_hash": "0" * 64}, {"prefix": "0" * 12}, {"scopes": ["read"]}, {"created_at": YESTERDAY}],
)
def test_a_key_stays_what_it_came_as(new_key: NewKey, change: dict[str, Any]) -> None:
    with pytest.raises(ProgrammingError, match="keeps_what_it_came_as"):
        ApiKey.objects.update(**change)


def test_a_revoked_key_stays_revoked(new_key: NewKey) -> None:
    revoke_key(new_key.key)

    for moment in (None, timezone.now() + timedelta(days=1)):
        with pytest.raises(ProgrammingError, match="stays_revoked"), transaction.atomic():
            ApiKey.objects.update(revoked_at=moment)


@pytest.mark.parametrize("table", ["clients_apikey", "clients_apiclient"])
@pytest.mark.parametrize(
    ("statement", "guard"),
    [("DELETE FROM {}", "is_never_deleted"), ("TRUNCATE {} CASCADE", "is_never_emptied")],
)
def test_neither_clients_nor_keys_are_deleted(
    new_key: NewKey, table: str, statement: str, guard: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # TRUNCATE refuses a table with events that still wait
        with pytest.raises(DatabaseError, match=guard):
            cursor.execute(statement.format(table))
