"""Which text PostgreSQL can keep: looked at before a request goes any further."""

from __future__ import annotations

import re
from typing import Any

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# How JSON writes such a character. Most bodies have none, and are not walked through.
ESCAPED = re.compile(rb"\\u(?:0000|d[89a-f][0-9a-f]{2})", re.IGNORECASE)


def is_storable(value: Any) -> bool:
    """Whether every text in it, parsed JSON for one, can be kept. For what `config.json_depth` lets through."""
    if isinstance(value, str):
        return UNSTORABLE.search(value) is None
    if isinstance(value, dict):
        return all(is_storable(name) and is_storable(part) for name, part in value.items())
    return not isinstance(value, list) or all(map(is_storable, value))
