"""The nightly commands of docs/backups.md keep a good backup whatever fails, and archiving goes on after a crash.

`test_restore.py` runs them, and those that restore, with PostgreSQL. Here scripts take the place of its programs: what
is tested is what the commands make of a failure.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from dev.backups.page import archiving, commands

DAY_S = 24 * 3600
FIRST_NEEDED = "00000001000000000000002A"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine that keeps backups: an old one, and the good one of the last night that didn't fail."""
    (tmp_path / "wal").mkdir()
    make_base(tmp_path, "20260101T000000Z", days_old=40)
    make_base(tmp_path, "20260115T000000Z", days_old=20)
    label = f"echo 'START WAL LOCATION: 0/2A000028 (file {FIRST_NEEDED})' > $4/backup_label"
    make_program(tmp_path, "pg_basebackup", f"mkdir $4 && {label}")
    make_program(tmp_path, "pg_verifybackup", f"test -f $2/backup_label && echo $2 > {tmp_path}/verified")
    make_program(tmp_path, "pg_archivecleanup", f"echo $* > {tmp_path}/cleaned")
    return tmp_path


def make_base(folder: Path, name: str, days_old: float) -> None:
    base = folder / "base" / name
    base.mkdir(parents=True)
    os.utime(base, (time.time() - days_old * DAY_S,) * 2)


def make_program(folder: Path, name: str, script: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / name).chmod(0o755)


def run(folder: Path, naming: str) -> int:
    script = commands(naming, {"/backup/": f"{folder}/"})
    path = f"{folder}/bin:{os.environ['PATH']}"
    return subprocess.run(["sh", "-c", script], env={"PATH": path}, capture_output=True).returncode


def bases(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "base").iterdir())


def test_a_good_night_leaves_what_is_not_old_and_the_log_from_the_oldest_on(folder: Path) -> None:
    make_base(folder, "20260202T000000Z", days_old=3)
    (folder / "base/20260202T000000Z/backup_label").write_text(
        f"START WAL LOCATION: 0/1 (file {FIRST_NEEDED})\n"
    )
    make_base(folder, "20260201T000000Z.part", days_old=4)  # a night that failed

    assert run(folder, "pg_basebackup") == 0
    *before, tonight = bases(folder)
    assert before == ["20260201T000000Z.part", "20260202T000000Z"]
    assert (folder / "verified").read_text() == f"{folder}/base/{tonight}.part\n"
    assert (folder / "cleaned").read_text() == f"{folder}/wal {FIRST_NEEDED}\n"


@pytest.mark.parametrize("program", ["pg_basebackup", "pg_verifybackup"])
def test_a_night_that_fails_deletes_nothing_and_says_so(folder: Path, program: str) -> None:
    made = (folder / "bin" / program).read_text()
    make_program(folder, program, f"{made}\nexit 1")  # at its very end

    assert run(folder, "pg_basebackup") != 0
    good = [name for name in bases(folder) if name.endswith("Z")]
    assert good == ["20260101T000000Z", "20260115T000000Z"]
    assert not (folder / "cleaned").exists()


@pytest.mark.parametrize(("hours", "is_recent"), [(25.5, True), (26.5, False)])
def test_the_alert_on_the_newest_base_backup(folder: Path, hours: float, is_recent: bool) -> None:
    make_base(folder, "20260203T000000Z.part", days_old=0)  # doesn't count
    make_base(folder, "20260202T000000Z", days_old=hours / 24)

    assert (run(folder, "-mmin") == 0) is is_recent


@pytest.mark.parametrize(
    ("archived", "succeeds"),
    [(None, True), ("the log", True), ("another's log", False)],
    ids=["not there", "archived before a crash", "another file"],
)
def test_a_file_of_the_log_is_archived_once_and_never_overwritten(
    tmp_path: Path, archived: str | None, succeeds: bool
) -> None:
    (tmp_path / "wal").mkdir()
    (tmp_path / "0A").write_text("the log")
    if archived is not None:
        (tmp_path / "wal" / "0A").write_text(archived)

    command = archiving(tmp_path)["archive_command"].replace("%p", f"{tmp_path}/0A").replace("%f", "0A")
    assert (subprocess.run(["sh", "-c", command], check=False).returncode == 0) is succeeds
    assert (tmp_path / "wal/0A").read_text() == (archived or "the log")
    assert [path.name for path in (tmp_path / "wal").iterdir()] == ["0A"]
