"""Sixteen processes, killed again and again, over a PostgreSQL that crashes: nothing lost, nothing twice.

`make test-long` makes it a long run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.credits.chaos.controls import take_the_keys_away, take_the_lock_away
from tests.credits.chaos.server import Server, running_server
from tests.support.effort import effort

# The tables come from the suite's own database.
pytestmark = pytest.mark.django_db

SECONDS = effort(4, 300)
CRASH_EVERY_S = 15.0


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    """A server with a database `ledger`: the tables of the suite's own, and no rows."""
    with running_server() as server:
        server.copy_schema(connection.settings_dict, "ledger")
        yield server


@contextmanager
def load(server: Server, database: str, folder: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Workers on a new database, from when they work. Ended with the block, whatever happened in it."""
    environment = {
        **os.environ,
        "DATABASE_URL": server.url(database),
        "DJANGO_SETTINGS_MODULE": "tests.credits.chaos.settings",
    }
    arguments = [sys.executable, "-m", "tests.credits.chaos", str(folder), json.dumps(options)]
    process = subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not (folder / "working").exists() and process.poll() is None:
            time.sleep(0.02)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def report_of(process: subprocess.Popen[str], folder: Path) -> Any:
    """What the audit says. From here on the server stays up."""
    (folder / "quiet").touch()
    output, _nothing = process.communicate(timeout=SECONDS + 120)
    assert process.returncode == 0
    return json.loads(output)


def test_nothing_is_lost_and_nothing_comes_twice_whoever_dies(server: Server, tmp_path: Path) -> None:
    server.copy_database("ledger", "chaos")
    for durable in ("fsync", "synchronous_commit", "full_page_writes"):
        assert server.value("chaos", f"SHOW {durable}") == "on"

    with load(server, "chaos", tmp_path, seconds=SECONDS, kill=True, only=[]) as process:
        ends_at = time.monotonic() + SECONDS
        pause = min(SECONDS / 2, CRASH_EVERY_S)
        while time.monotonic() + pause <= ends_at:
            time.sleep(pause)
            server.crash()
        report = report_of(process, tmp_path)

    print(json.dumps(report["counts"], indent=1))  # noqa: T201 - with -s: what a long run did
    assert report["findings"] == {}
    assert report["counts"]["answers"] > 100
    assert report["counts"]["asked more than once"] > 0
    assert report["counts"]["lives"] > 16 + SECONDS


def test_without_its_lock_the_ledger_loses_spends(server: Server, tmp_path: Path) -> None:
    server.copy_database("ledger", "without_lock")
    take_the_lock_away(server, "without_lock")
    with load(server, "without_lock", tmp_path, seconds=1, kill=False, only=["spend"]) as process:
        findings = report_of(process, tmp_path)["findings"]

    assert any("by the answers" in lost for lost in findings["lost"])
    broken = {violation.split(":")[0] for violation in findings["violations"]}
    assert broken >= {"balance_equals_entries", "lot_equals_its_movements", "versions_without_gap"}


def test_without_its_keys_the_ledger_books_facts_twice(server: Server, tmp_path: Path) -> None:
    server.copy_database("ledger", "without_keys")
    take_the_keys_away(server, "without_keys")
    with load(server, "without_keys", tmp_path, seconds=1, kill=True, only=["spend", "shared"]) as process:
        findings = report_of(process, tmp_path)["findings"]

    assert any("shared." in fact for fact in findings["twice"])
    assert any(violation.startswith("one_entry_per_key:") for violation in findings["violations"])
