"""The names in the metadata of entries and holds that only we write.

Whoever reads one of them back reads our word: an idempotent repeat, the proof of the books, who spent a team's credits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from credits.errors import InvalidEntry

HOLD = "hold"  # what an entry captured of
PARTIAL = "partial"  # and that the hold stayed open
USAGE, PRICE = "usage", "price"  # what was charged for, and what made the amount
MEMBER = "member"  # who spent from a team's account
RESERVED = (HOLD, PARTIAL, USAGE, PRICE, MEMBER)


def refuse_reserved_names(metadata: Mapping[str, Any] | None) -> None:
    """Refuses a caller's metadata that has a name of ours. Raises InvalidEntry, which says which."""
    for name in RESERVED:
        if metadata and name in metadata:
            raise InvalidEntry(f"The name {name!r} is reserved. Choose another.", field="metadata")
