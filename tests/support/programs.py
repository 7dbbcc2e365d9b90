"""Skip a test whose program is missing here. The end of the run says so loudly."""

from __future__ import annotations

import pytest

from dev.programs import find, why_not_run


def needed(program: str) -> str:
    """Return the program's path, or skip the test."""
    path = find(program)
    if path is None:
        pytest.skip(why_not_run(program))
    return path
