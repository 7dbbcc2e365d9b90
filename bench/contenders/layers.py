"""Spend layer by layer, from an empty statement to `ledger.spend`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from bench.contenders import ledger
from bench.contenders.ledger import STATEMENT, load

__all__ = ["TITLES", "load", "start"]

NOTHING = "SELECT 1"
TITLES = (
    "psycopg: SELECT 1",
    "psycopg: our function, prepared",
    "psycopg: our function, not prepared",
    "Django's cursor: SELECT 1",
    "Django's cursor: our function",
    "ledger.spend",
)


def start(url: str, accounts: int, option: str) -> Callable[[], object]:
    """``option``: one of TITLES."""
    from django.db import connection

    cursor = psycopg.connect(url, autocommit=True).cursor()
    arguments = ledger.spends(ledger.account_ids(url, accounts))

    def by_django(statement: str, values: list[Any] | None = None) -> object:
        with connection.cursor() as django_cursor:
            django_cursor.execute(statement, values)
            return django_cursor.fetchone()

    steps: tuple[Callable[[], object], ...] = (
        lambda: cursor.execute(NOTHING, prepare=True).fetchone(),
        lambda: cursor.execute(STATEMENT, arguments(), prepare=True).fetchone(),
        lambda: cursor.execute(STATEMENT, arguments(), prepare=False).fetchone(),
        lambda: by_django(NOTHING),
        lambda: by_django(STATEMENT, arguments()),
        ledger.start(url, accounts, "spend"),
    )
    return dict(zip(TITLES, steps, strict=True))[option]
