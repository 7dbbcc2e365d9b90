"""A program that is missing leaves its tests out, and nobody overlooks that: it is said before the run and after it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dev.programs import PACKAGES

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*arguments: str, path: Path, chromium: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path), "CHROMIUM": chromium}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_what_is_missing_is_listed_before_the_run(tmp_path: Path) -> None:
    nothing = run("dev.programs", path=tmp_path, chromium="/nowhere")
    browser = run("dev.programs", path=tmp_path, chromium=sys.executable)

    missing = [
        line.partition(" is missing. On Debian: apt install ")[0] for line in nothing.stdout.splitlines()
    ]
    # /usr/sbin is looked through in any case.
    anywhere = [name for name in PACKAGES if not shutil.which(name, path="/usr/sbin")]
    assert missing[1:-1] == ["SOME TESTS WILL NOT RUN:", *anywhere]
    assert "chromium is missing" not in browser.stdout
    assert browser.stdout.endswith(f"\nBrowser tests run in {sys.executable}.\n")


def test_tests_whose_program_is_missing_are_counted_after_the_run(tmp_path: Path) -> None:
    tests = [
        "tests/ops/test_pre_commit.py",
        "tests/sandbox/test_stripe_node.py",
        "-k",
        "commit or same_version",
    ]
    # Another run in the shared folder closes it to the users of its servers, and so kills a neighbour's database.
    options = ["-n", "1", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "nested")]
    ran = run("pytest", *tests, *options, path=tmp_path, chromium="")

    assert ran.returncode == 0, ran.stdout
    assert "! NOT RUN !" in ran.stdout
    assert "NOT RUN (2): git is missing. On Debian: apt install git\n" in ran.stdout
    assert "NOT RUN (1): node is missing. On Debian: apt install nodejs\n" in ran.stdout
