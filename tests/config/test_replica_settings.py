"""The replica's settings; and without one, the same code reads from the primary and still may not write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from structlog.testing import capture_logs

from core.database.replica.reading import keep_reading, read_from_replica, reading_from_replica
from core.database.replica.routing import PRIMARY, REPLICA, WriteWhileReading
from credits.ledger.models import Account, Entry, Lot
from tests.credits.builders import funded, spend
from tests.ops.production import manage, values_of

REPLICA_URL = (
    "postgresql://reader:a%40password@replica:6432/credits?sslmode=require&options=-c%20work_mem%3D64MB"
)


def test_the_replica_is_reached_like_the_primary() -> None:
    primary, replica = values_of(
        "settings.DATABASES['default']", "settings.DATABASES['replica']", DATABASE_REPLICA_URL=REPLICA_URL
    )
    assert isinstance(primary, dict)
    assert isinstance(replica, dict)
    address = {"NAME": "credits", "USER": "reader", "PASSWORD": "a@password", "HOST": "replica", "PORT": 6432}
    assert {name: replica[name] for name in address} == address
    assert replica["TEST"] == {"MIRROR": "default"}
    own, other = primary["OPTIONS"], replica["OPTIONS"]
    assert other == {
        **own,
        "sslmode": "require",
        "options": f"{own['options']} -c work_mem=64MB",
        "connect_timeout": 2,
        "tcp_user_timeout": 5000,
        "pool": {**own["pool"], "timeout": 1},
    }


def test_without_the_url_there_is_no_replica() -> None:
    assert values_of("list(settings.DATABASES)") == [["default"]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_REPLICA_URL", "replica"),
        ("DATABASE_REPLICA_URL", "mysql://replica/credits"),
        ("DATABASE_REPLICA_URL", "postgresql://replica"),
        ("DATABASE_REPLICA_LAG_SECONDS", "0"),
        ("DATABASE_REPLICA_LAG_SECONDS", "soon"),
    ],
)
def test_a_bad_value_is_named_in_one_line(name: str, value: str) -> None:
    result = manage("check", **{name: value})

    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert name in result.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [
        lambda account: Account.objects.filter(pk=account.pk).update(closed_at=None),
        lambda account: Account.objects.select_for_update().get(pk=account.pk),
        lambda account: spend(account, 1),
    ],
    ids=["model", "lock", "ledger"],
)
def test_who_may_read_from_a_replica_writes_nothing_where_there_is_none(
    write: Callable[[Account], Any],
) -> None:
    account = funded(100)
    with reading_from_replica() as reading:
        assert reading.place == PRIMARY
        with pytest.raises(WriteWhileReading), transaction.atomic():
            write(account)
    write(account)


@pytest.mark.django_db
def test_for_users_it_is_carried_out_and_said_and_the_rest_is_read_from_the_primary(settings: Any) -> None:
    settings.DATABASE_REPLICA_STRICT = False
    account = funded(100)
    with capture_logs() as logs, reading_from_replica() as reading:
        reading.place = REPLICA
        spend(account, 1)
        assert reading.place == PRIMARY
    assert [line["event"] for line in logs] == ["write_while_reading"]
    account.refresh_from_db()
    assert account.balance == 99


@pytest.mark.django_db
def test_an_object_in_anothers_field_is_no_write() -> None:
    with reading_from_replica():
        assert Lot(account=Account()).account is not None


@pytest.mark.django_db
def test_a_download_that_writes_is_refused_too() -> None:
    account = funded(100)
    with reading_from_replica():
        lines = keep_reading(str(spend(account, 1)) for _ in range(2))
    with pytest.raises(WriteWhileReading):
        list(lines)


@pytest.mark.django_db
def test_an_inner_block_reads_where_the_outer_one_does() -> None:
    with reading_from_replica() as outer:
        assert read_from_replica(None, Entry.objects.count) == 0
        with reading_from_replica() as inner:
            assert inner is outer


@pytest.mark.django_db
def test_a_command_says_that_there_is_no_replica() -> None:
    with pytest.raises(CommandError, match="DATABASE_REPLICA_URL"):
        call_command("check_ledger", "--replica")
