"""Which text PostgreSQL can keep: looked at before a request goes any further."""

from __future__ import annotations

import re

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Tell whether the text has neither a NUL nor half a character."""
    return UNSTORABLE.search(text) is None
