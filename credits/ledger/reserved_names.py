"""Reserve the names in the metadata of entries and holds that only the ledger's own code writes.

Readers rely on them: idempotent repeats, the proof of the books, a team's spending by member.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.tracing.spans import TRACE
from credits.errors import InvalidEntry

HOLD = "hold"  # the hold that an entry captured
PARTIAL = "partial"  # the hold stayed open
USAGE, PRICE = "usage", "price"  # the usage charged, and its price
MEMBER = "member"  # who spent from a team's account
# TRACE: the trace that the first call with this key was part of. Repeats have another, so it is no argument.
RESERVED = (HOLD, PARTIAL, USAGE, PRICE, MEMBER, TRACE)


def refuse_reserved_names(metadata: Mapping[str, Any] | None) -> None:
    """Raise InvalidEntry, which names it, if a caller's metadata has a reserved name."""
    for name in RESERVED:
        if metadata and name in metadata:
            raise InvalidEntry(f"The name {name!r} is reserved. Choose another.", field="metadata")
