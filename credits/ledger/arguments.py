"""Validate what callers write into the books besides amounts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from core.storable_text import is_storable
from core.tracing.spans import TRACE, current_trace
from credits.errors import InvalidEntry
from credits.ledger.reserved_names import refuse_reserved_names

LONGEST_TEXT = 200
LONGEST_METADATA = 10_000
# Valid in JSON but refused by jsonb. With an even number of backslashes it is only text.
ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def checked_text(field: str, text: str, *, required: bool = False) -> str:
    """Return ``text`` if it can be stored as a key or reference.

    Raises:
        InvalidEntry: longer than 200 characters, empty although required, or not storable in PostgreSQL.
    """
    if required and not text:
        raise InvalidEntry("A key is required.", field=field)
    if len(text) > LONGEST_TEXT:
        raise InvalidEntry(f"It can have at most {LONGEST_TEXT} characters.", field=field)
    if not is_storable(text):
        raise InvalidEntry("It contains characters that can't be stored.", field=field)
    return text


def json_text(metadata: Mapping[str, Any] | None, reserved: Mapping[str, Any] | None = None) -> str:
    """Return a caller's ``metadata`` as the JSON to store, with our own ``reserved`` names added.

    Raises:
        InvalidEntry: it is not JSON, is longer than 10,000 characters, or has one of `reserved_names`.
    """
    refuse_reserved_names(metadata)
    if not metadata and not reserved:
        return "{}"
    try:
        text = json.dumps({**(metadata or {}), **(reserved or {})}, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEntry("It must be a JSON object.", field="metadata") from error
    if len(text) > LONGEST_METADATA:
        raise InvalidEntry(f"It can have at most {LONGEST_METADATA:,} characters of JSON.", field="metadata")
    if ESCAPED_NUL.search(text) or not is_storable(text):
        raise InvalidEntry("It contains characters that can't be stored.", field="metadata")
    return text


def entry_json(metadata: Mapping[str, Any] | None, reserved: Mapping[str, Any] | None = None) -> str:
    """Return an entry's metadata as JSON: as `json_text`, with the current trace added if there is one."""
    text, trace = json_text(metadata, reserved), current_trace()
    if not trace:
        return text
    return f'{text[:-1]}{", " if len(text) > 2 else ""}"{TRACE}": "{trace}"}}'
