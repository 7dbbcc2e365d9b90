"""Check which text PostgreSQL can store, before a request is processed."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether the text has neither a NUL nor a lone surrogate."""
    return UNSTORABLE.search(text) is None
