"""Amounts as people and programs write them, read in one way by every API, form, file and setting."""

from __future__ import annotations

import re
from decimal import Decimal

PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class NotAnAmount(ValueError):
    """A text that isn't digits with a point."""


def parse_amount(text: str, *, signed: bool = False) -> Decimal:
    """The number that ``text`` writes out: ASCII digits, and perhaps a point with more of them. ``signed`` takes a
    minus too: where an amount may be below zero, or is refused for it in better words than these.

    Whatever else `Decimal` would read is refused, for the next program reads it otherwise or not at all: exponents,
    underscores, spaces, a plus, digits of other scripts.

    Raises:
        NotAnAmount: its message is for programs; forms and files have their own words.
    """
    if not PLAIN.fullmatch(text) or (text[0] == "-" and not signed):
        raise NotAnAmount(f"{text[:50]!r} is not an amount in digits with a point, such as 2.5")
    return Decimal(text)
