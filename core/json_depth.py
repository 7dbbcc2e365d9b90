"""Limit how deep JSON from outside may be nested, on every Python.

Parsers stop at a thousand levels, at ten thousand, or never, depending on the version, and what one can read, the next
step may not be able to write. So our own limit is checked before parsing.
"""

from __future__ import annotations

import re

MOST_LEVELS = 100
OPENING, CLOSING = b"[{", b"]}"
ALL_BUT_BRACKETS = bytes(set(range(256)) - set(OPENING + CLOSING))
# A closing quote may be missing: such a string is the rest of the text, scanned only once.
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


class NestedTooDeep(ValueError):
    """JSON with more levels than `MOST_LEVELS`."""


def check_depth(text: bytes) -> None:
    """Check the depth of brackets only; whether it is JSON is for the parser to find out.

    Raises:
        NestedTooDeep: it is nested deeper than any valid request.
    """
    if text.count(b"[") + text.count(b"{") <= MOST_LEVELS:
        return
    level = 0
    for bracket in STRING.sub(b"", text).translate(None, ALL_BUT_BRACKETS):
        level += 1 if bracket in OPENING else -1
        if level > MOST_LEVELS:
            raise NestedTooDeep(f"Nesting is limited to {MOST_LEVELS} levels.")
