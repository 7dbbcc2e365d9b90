"""The checks before a commit stop what they are there for, in a repository of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import needed

ROOT = Path(__file__).resolve().parent.parent.parent
BAD_FILES = {
    "unused.py": "import os\n",
    "quotes.py": "TEXT = 'single'\n",
    "templates/page.html": "{% load static i18n %}\n",
    "page.md": "A line \n",
    "notes.txt": "no newline",
    "compose.yaml": "<<<<<<< HEAD\n",
}
STOPPED_BY = {"ruff", "format", "djade", "trailing-whitespace", "end-of-file", "merge-conflict"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    needed("git")
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".gitignore").write_text(".venv\nhome\n")
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True)


def run(repository: Path, *arguments: str) -> tuple[int, set[str]]:
    """Return the exit code, and the checks that failed. The check of prose has tests of its own."""
    environment = {**os.environ, "PRE_COMMIT_HOME": str(repository / "home"), "SKIP": "prose"}
    command = [sys.executable, "-m", "pre_commit", "run", *arguments]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    return done.returncode, set(re.findall(r"^- hook id: (.+)$", done.stdout, re.MULTILINE))


def test_each_check_stops_a_file_that_is_wrong(repository: Path) -> None:
    git(repository, "add", ".")
    assert run(repository, "--all-files") == (0, set())
    (repository / "templates").mkdir()
    for name, text in BAD_FILES.items():
        (repository / name).write_text(text)
    # A conflict is looked for only where a merge is under way.
    (repository / ".git/MERGE_MSG").touch()
    (repository / ".git/MERGE_HEAD").touch()
    git(repository, "add", ".")

    assert run(repository, "--all-files") == (1, STOPPED_BY)


def test_a_subject_of_more_than_72_characters_is_refused_and_a_long_body_is_not(repository: Path) -> None:
    git(repository, "add", ".")
    message = repository / ".git/COMMIT_EDITMSG"
    found = {}
    for length in (72, 73):
        message.write_text(f"{'x' * length}\n\n{'y' * 200}\n")
        at_commit = ("--hook-stage", "commit-msg", "--commit-msg-filename", str(message))
        found[length] = run(repository, *at_commit)

    assert found == {72: (0, set()), 73: (1, {"subject"})}
