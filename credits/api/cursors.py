"""Encode where the next page of entries begins: opaque to clients, so that it can change."""

from __future__ import annotations

import base64
import binascii

from credits.api.parsing import wrong

START = b"v:"
HIGHEST = 2**63 - 1


def write_cursor(before: int) -> str:
    return base64.urlsafe_b64encode(START + str(before).encode()).decode().rstrip("=")


def read_cursor(text: str) -> int | None:
    """Return the version that the page ends before; None for the first page. Raises InvalidRequest."""
    if not text:
        return None
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        before = int(decoded.removeprefix(START)) if decoded.startswith(START) else 0
    except (ValueError, binascii.Error):
        before = 0
    if not 0 < before <= HIGHEST or write_cursor(before) != text:
        raise wrong("cursor", "invalid", "Invalid cursor.")
    return before
