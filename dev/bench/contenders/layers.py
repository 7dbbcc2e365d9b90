"""One spend, layer by layer: each option does what the one before it does and one thing more."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from dev.bench.contenders import ledger
from dev.bench.contenders.ledger import AMOUNT, STATEMENT, _account_ids, _keys, load

__all__ = ["load", "profile", "script", "start"]

Step = Callable[[], object]


def script(option: str) -> str:
    """For pgbench: "nothing", the function "unsynced" (it doesn't wait for the disk), and the "function"."""
    if option == "nothing":
        return "SELECT 1;\n"
    if option == "unsynced":
        return ledger.script("").replace(
            "SELECT *", "SELECT set_config('synchronous_commit', 'off', true), *"
        )
    return ledger.script("")


def start(url: str, accounts: int, option: str) -> Callable[[], int]:
    """``option``: "<psycopg|django|ledger> <nothing|unprepared|prepared|spend>"."""
    way, what = option.split()
    ids = _account_ids(accounts)
    if way == "ledger":
        return ledger.start(url, accounts, "spend")
    return _counted(_by_psycopg(url, ids, what) if way == "psycopg" else _by_django(ids, what))


def _counted(step: Step) -> Callable[[], int]:
    def run() -> int:
        step()
        return 1

    return run


def _by_psycopg(url: str, ids: list[UUID], what: str) -> Step:
    cursor = psycopg.connect(url, autocommit=True).cursor()
    if what == "nothing":
        return lambda: cursor.execute("SELECT 1", prepare=True).fetchone()
    arguments = _arguments(ids)
    return lambda: cursor.execute(STATEMENT, arguments(), prepare=what == "prepared").fetchone()


def _by_django(ids: list[UUID], what: str) -> Step:
    from django.db import connection

    arguments = _arguments(ids)

    def run() -> object:
        with connection.cursor() as cursor:
            if what == "nothing":
                cursor.execute("SELECT 1")
            else:
                cursor.execute(STATEMENT, arguments())
            return cursor.fetchone()

    return run


def _arguments(ids: list[UUID]) -> Callable[[], list[Any]]:
    key = _keys()
    return lambda: [random.choice(ids), AMOUNT, "spend", key(), "job", "{}"]


def profile(seconds: float) -> str:
    """What `ledger.spend` spends Python's time on, by cProfile: shares and not seconds, since it slows everything."""
    import cProfile
    import io
    import pstats
    import time

    spend = ledger.start("", 1000, "spend")
    spend()
    profiler = cProfile.Profile()
    profiler.enable()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        spend()
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(20)
    return text.getvalue()
