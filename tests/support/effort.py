"""How long the tests go on that search for trouble: some seconds, or as long as `make test-long` gives them."""

from __future__ import annotations

import os


def effort(brief: int, long: int) -> int:
    """One of the two numbers, of examples or of seconds."""
    return long if "LONG_TESTS" in os.environ else brief
