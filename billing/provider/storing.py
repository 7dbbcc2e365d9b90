"""Convert a provider's data to what PostgreSQL can store, unchanged where possible."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

LONGEST_ID = 255


def storable(value: str) -> str:
    """Return the text without what PostgreSQL can't hold: NUL, and halves of surrogate pairs."""
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def storable_json(value: Any) -> Any:
    """Return the same JSON without NUL and halves of surrogate pairs, and with non-finite numbers as text."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): storable_json(held) for key, held in value.items()}
    if isinstance(value, list):
        return [storable_json(held) for held in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def storable_key(event_id: str) -> str:
    """Return the id, or a stable substitute if it can't be stored."""
    if storable(event_id) == event_id and len(event_id) <= LONGEST_ID:
        return event_id
    return f"{storable(event_id)[:150]}~{digest(event_id.encode('utf-8', 'surrogatepass'))}"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
