"""Books that are whole at the end, a limit for adjustments, and files of credits to grant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from credits.proof.checking import find_violations
from tests.credits.adjusting import LIMIT
from tests.credits.granting import HEADER
from tests.support.builders import UserFactory


@pytest.fixture
def books_are_whole_at_the_end(db: None) -> Iterator[None]:
    yield
    assert list(find_violations()) == []


@pytest.fixture
def limit(settings: Any) -> None:
    settings.ADJUSTMENT_APPROVAL_ABOVE = LIMIT


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(email="ada@example.com")
    return user


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_lines(*lines: str, header: str = HEADER) -> str:
        path = tmp_path / "grants.csv"
        path.write_text("\n".join([header, *lines]))
        return str(path)

    return write_lines
