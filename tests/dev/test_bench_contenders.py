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
from bench import packages
from bench.contenders import BY_NAME, CONTENDERS, Contender, http_client, least
from bench.contenders import ledger as own_ledger
from bench.hosts import ContenderFailed, Host, Measurement
from bench.load import MANY_4, Load, Pace
from bench.production import environment
from bench.results import Results
from bench.rounds import check_books
from credits.ledger import operations as ledger
from credits.ledger.models import Entry

# Each client makes one spend to warm up and one that is counted.
ONE_EACH = Pace(0, 0.0, 1, 1, (), (), 1, ())
TWO_CLIENTS = Load(3, 2)
BY_WORKER = [each for each in CONTENDERS if not each.script]
OURS = [each for each in BY_WORKER if each.module is own_ledger]
OTHERS = [each for each in BY_WORKER if each.module is not own_ledger]
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


def spent(contender: Contender, url: str) -> int:
    with psycopg.connect(url) as books:
        row = books.execute(contender.module.SPENT.encode()).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("contender", OTHERS, ids=lambda contender: contender.name)
def test_a_contender_books_the_spends_that_it_counts(contender: Contender, empty_database: str) -> None:
    if contender.missing:
        pytest.skip(contender.missing)
    if contender.own_packages and not packages.STAMP.exists():
        pytest.skip("`make bench` has not installed the other ledgers yet.")
    python = str(packages.PYTHON) if contender.own_packages else sys.executable
    with Host(contender.module.__name__, empty_database, python) as host:
        host.call("prepare", empty_database, TWO_CLIENTS.accounts)
        assert spent(contender, empty_database) == 0
        assert host.measure(TWO_CLIENTS, ONE_EACH, contender.option).finished == 4
        assert spent(contender, empty_database) == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("contender", OURS, ids=lambda contender: contender.name)
def test_our_ledger_books_the_spends_that_it_counts(contender: Contender) -> None:
    url = url_of(connection.settings_dict["NAME"])
    with Host(contender.module.__name__, url, **environment(uri_of(url))) as host:
        host.call("fund", url, TWO_CLIENTS.accounts)
        measured = host.measure(TWO_CLIENTS, ONE_EACH, contender.option, contender.size)
        assert measured.finished == spent(contender, url) == 4 * contender.size


def test_a_contender_that_raises_gives_no_figure(empty_database: str) -> None:
    with Host(least.__name__, empty_database) as host:
        host.call("prepare", empty_database, 0)  # nobody has an account
        with pytest.raises(ContenderFailed, match="spent nothing"):
            host.measure(TWO_CLIENTS, ONE_EACH)


def test_a_module_that_cannot_be_loaded_is_said_with_its_reason() -> None:
    with (
        Host("bench.contenders.nobody", "postgresql:///none") as host,
        pytest.raises(ContenderFailed, match="No module named"),
    ):
        host.call("prepare")


def test_a_contender_that_counts_more_than_it_books_is_refused(empty_database: str) -> None:
    contender, results = BY_NAME["psycopg"], Results()
    with Host(least.__name__, empty_database) as host:
        host.call("prepare", empty_database, 3)
        results.add(contender.name, MANY_4, host.measure(TWO_CLIENTS, ONE_EACH))
        check_books(results, [contender.name], empty_database, least.SPENT)
        results.add(contender.name, MANY_4, Measurement(1.0, finished=1))
        with pytest.raises(ContenderFailed, match="counted 5 spends and booked 4"):
            check_books(results, [contender.name], empty_database, least.SPENT)


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
    told = {"key": f"Api-Key {secret}", "accounts": [str(account.pk)]}
    (tmp_path / "told.json").write_text(json.dumps(told))

    spend = http_client.start(str(tmp_path / "told.json"), 1, f"{urlsplit(live_server.url).port} key")
    spend()
    spend()
    assert Entry.objects.filter(account=account, kind=Entry.Kind.SPEND, amount=Decimal("-0.25")).count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_http_client_takes_nothing_but_success(live_server: Any, tmp_path: Path) -> None:
    told = {"key": "Api-Key nonsense", "accounts": [str(uuid4())]}
    (tmp_path / "told.json").write_text(json.dumps(told))
    with pytest.raises(http_client.BadAnswer, match="401"):
        http_client.start(str(tmp_path / "told.json"), 1, f"{urlsplit(live_server.url).port} key")()
