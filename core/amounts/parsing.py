"""Parse amounts the same way in every API, form, file and setting."""

from __future__ import annotations

import re
from decimal import Decimal

PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class NotAnAmount(ValueError):
    """A text that isn't digits with a point."""


def parse_amount(text: str, *, signed: bool = False) -> Decimal:
    """Parse ASCII digits, optionally with a point and more digits. ``signed`` also accepts a minus.

    Everything else that `Decimal` accepts is refused, as other programs read it differently or not at all: exponents,
    underscores, spaces, a plus, digits of other scripts.

    Raises:
        NotAnAmount: its message is for programs; forms and files have their own.
    """
    if not PLAIN.fullmatch(text) or (text[0] == "-" and not signed):
        raise NotAnAmount(f"{text[:50]!r} is not an amount in digits with a point, such as 2.5")
    return Decimal(text)
