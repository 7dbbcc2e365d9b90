"""When a client was last used: to the minute, by whoever comes first, and never in the way of the request."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.clients.api_keys import create_key
from accounts.clients.authentication import authenticate_client
from accounts.clients.models import ApiClient, ApiKey
from tests.support.api_clients import make_client, token_of_service
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 10


def moments() -> tuple[object, object]:
    return ApiClient.objects.get().last_used_at, ApiKey.objects.get().last_used_at


def test_a_use_is_recorded_for_the_key_and_its_client() -> None:
    secret = create_key(make_client(), name="k").secret
    before = timezone.now()
    authenticate_client(f"Bearer {secret}")

    for moment in (ApiClient.objects.get().last_used_at, ApiKey.objects.get().last_used_at):
        assert moment is not None
        assert before <= moment <= timezone.now()


def test_a_use_by_token_is_recorded_for_the_client(provider: Sandbox) -> None:
    authenticate_client(f"Bearer {token_of_service(provider)}")

    assert ApiClient.objects.get().last_used_at is not None


def test_a_use_is_recorded_once_a_minute(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    secret = create_key(make_client(), name="k").secret
    authenticate_client(f"Bearer {secret}")
    first = moments()
    with django_assert_num_queries(1):
        authenticate_client(f"Bearer {secret}")
    assert moments() == first

    earlier = timezone.now() - timedelta(seconds=61)
    ApiClient.objects.update(last_used_at=earlier)
    ApiKey.objects.update(last_used_at=earlier)
    authenticate_client(f"Bearer {secret}")
    assert earlier not in moments()


def test_a_use_waits_for_nobody_who_holds_the_row() -> None:
    secret = create_key(make_client(), name="k").secret
    held, done = Event(), Event()

    def hold_the_rows() -> None:
        with transaction.atomic():
            list(ApiClient.objects.select_for_update())
            list(ApiKey.objects.select_for_update())
            held.set()
            done.wait(PATIENCE_S)
        connection.close()

    holder = Thread(target=hold_the_rows)
    holder.start()
    assert held.wait(PATIENCE_S)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        assert authenticate_client(f"Bearer {secret}").name == "Worker"
    finally:
        done.set()
        holder.join()
    assert moments() == (None, None)


def test_a_use_that_cannot_be_written_is_no_reason_to_refuse() -> None:
    secret = create_key(make_client(), name="k").secret

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        assert authenticate_client(f"Bearer {secret}").name == "Worker"
        assert ApiClient.objects.count() == 1  # the transaction goes on
    assert moments() == (None, None)
