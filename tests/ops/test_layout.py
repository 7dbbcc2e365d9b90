"""Files stay short, and tests share by modules of their own."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = (
    "accounts",
    "backoffice",
    "bench",
    "billing",
    "clients",
    "config",
    "core",
    "credits",
    "dev",
    "sandbox",
    "tests",
)
LONGEST = 400
FROM_A_TEST = re.compile(r"^\s*(?:from|import) tests\.(?:\w+\.)*(?:test_\w+|conftest)\b", re.MULTILINE)


def modules() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not path.parent.name.endswith("migrations")]


def test_no_module_is_longer_than_can_be_kept_in_mind() -> None:
    assert len(modules()) > 500
    assert [path for path in modules() if len(path.read_text().splitlines()) > LONGEST] == []


def test_nothing_is_imported_from_a_test_module_or_a_conftest() -> None:
    assert FROM_A_TEST.search("from tests.admin.conftest import books")
    assert [path for path in modules() if FROM_A_TEST.search(path.read_text())] == []
