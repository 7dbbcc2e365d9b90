"""Each contender of `make bench` makes the spends that it counts, and books them. See test_bench.py for the rest."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

from accounts.clients.api_keys import create_key
from accounts.clients.models import ApiClient, Scope
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from dev.bench import packages
from dev.bench.contenders import CONTENDERS, Contender, http_client, missing
from dev.bench.environment import production_environment
from dev.bench.hosts import ContenderFailed, Host
from dev.bench.load import Load, Pace

# Each client makes one spend to warm up and one that is counted.
ONE_EACH = Pace(0, 0.0, 1, 1, (), (), 1, ())
TWO_CLIENTS = Load(3, 2)
OTHERS = [item for item in CONTENDERS if item.runner == "worker" and item.module != "ledger"]
OURS = [item for item in CONTENDERS if item.runner == "worker" and item.module == "ledger"]
DATABASE = "bench_one_spend"


def url_of(database: str) -> str:
    settings = connection.settings_dict
    parts = {"user": settings["USER"], "password": settings["PASSWORD"], "host": settings["HOST"]}
    parts |= {"port": settings["PORT"], "dbname": database}
    return make_conninfo(**{name: value for name, value in parts.items() if value})


@pytest.fixture
def empty_database() -> Iterator[str]:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE))
    with psycopg.connect(url_of("postgres"), autocommit=True) as server:
        server.execute(drop)
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        yield url_of(DATABASE)
        server.execute(drop)


@pytest.mark.parametrize("contender", OTHERS, ids=lambda contender: contender.name)
def test_a_contender_books_the_spends_that_it_counts(contender: Contender, empty_database: str) -> None:
    if reason := missing(contender):
        pytest.skip(reason)
    if contender.own_packages and not packages.STAMP.exists():
        pytest.skip("`make bench` has not installed the other ledgers yet.")
    python = str(packages.PYTHON) if contender.own_packages else sys.executable
    host = Host(contender.import_path, empty_database, python)
    try:
        host.call("create", empty_database)
        host.call("fund", empty_database, TWO_CLIENTS.accounts)
        assert host.call("spent", empty_database) == 0
        assert host.measure(TWO_CLIENTS, ONE_EACH, contender.option).finished == 4
        assert host.call("spent", empty_database) == 4
    finally:
        host.stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("contender", OURS, ids=lambda contender: contender.name)
def test_our_ledger_books_the_spends_that_it_counts(contender: Contender) -> None:
    url = url_of(connection.settings_dict["NAME"])
    host = Host(contender.import_path, url, **production_environment(uri_of(url)))
    try:
        host.call("fund", url, TWO_CLIENTS.accounts)
        each = int(contender.option) if contender.option.isdigit() else 1
        assert host.measure(TWO_CLIENTS, ONE_EACH, contender.option).finished == 4 * each
        assert host.call("spent", url) == 4 * each
    finally:
        host.stop()


def test_a_contender_that_raises_gives_no_figure(empty_database: str) -> None:
    host = Host("dev.bench.contenders.least", empty_database)
    try:
        host.call("create", empty_database)
        with pytest.raises(ContenderFailed, match="spent nothing"):  # nobody funded the accounts
            host.measure(TWO_CLIENTS, ONE_EACH)
    finally:
        host.stop()


def uri_of(conninfo: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    password = f":{parts['password']}" if parts.get("password") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    host = str(parts.get("host", ""))
    if host.startswith("/"):
        return f"postgresql://{parts['user']}{password}@/{parts['dbname']}?host={host}"
    return f"postgresql://{parts['user']}{password}@{host}{port}/{parts['dbname']}"


@pytest.mark.django_db(transaction=True)
def test_the_http_clients_spends_are_booked(live_server: Any, tmp_path: Path) -> None:
    secret = create_key(ApiClient.objects.create(name="Bench", scopes=Scope.values), name="Bench").secret
    account = ledger.open_account(User.objects.create(username="bench"))
    ledger.grant(account.pk, Decimal(10), kind=Entry.Kind.PURCHASE, key="bench")
    told = {"port": urlsplit(live_server.url).port, "key": f"Api-Key {secret}", "accounts": [str(account.pk)]}
    (tmp_path / "told.json").write_text(json.dumps(told))

    spend = http_client.start(str(tmp_path / "told.json"), 1, "key")
    assert spend() + spend() == 2
    assert Entry.objects.filter(account=account, kind=Entry.Kind.SPEND, amount=Decimal("-0.25")).count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_http_client_takes_nothing_but_success(live_server: Any, tmp_path: Path) -> None:
    told = {"port": urlsplit(live_server.url).port, "key": "Api-Key nonsense", "accounts": [str(uuid4())]}
    (tmp_path / "told.json").write_text(json.dumps(told))
    with pytest.raises(http_client.BadAnswer, match="401"):
        http_client.start(str(tmp_path / "told.json"), 1, "key")()
