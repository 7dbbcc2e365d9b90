"""How deep JSON from outside may be nested, on every Python.

Parsers stop where their stack ends: at a thousand levels, at ten thousand, or nowhere, by the version. What one of them
still reads, the next step can't write. So a limit of our own is checked before anything is parsed.
"""

from __future__ import annotations

import re

MOST_LEVELS = 100
OPENING, CLOSING = b"[{", b"]}"
ALL_BUT_BRACKETS = bytes(set(range(256)) - set(OPENING + CLOSING))
# A closing quote may be missing: such a string is the rest of the text, and is looked at once.
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


class NestedTooDeep(ValueError):
    """JSON with more levels than `MOST_LEVELS`."""


def check_depth(text: bytes) -> None:
    """Look at nothing but brackets; whether it is JSON at all, the parser finds out.

    Raises:
        NestedTooDeep: it is nested deeper than anything that is meant.
    """
    if text.count(b"[") + text.count(b"{") <= MOST_LEVELS:
        return
    level = 0
    for bracket in STRING.sub(b"", text).translate(None, ALL_BUT_BRACKETS):
        level += 1 if bracket in OPENING else -1
        if level > MOST_LEVELS:
            raise NestedTooDeep(f"Nesting is limited to {MOST_LEVELS} levels.")
