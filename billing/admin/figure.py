"""One number on a page of the back office."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """``why`` says what exactly the number is, ``more`` leads to what was counted, ``before`` says what it was in the
    time before.
    """

    name: str
    value: str
    why: str
    more: str = ""
    is_urgent: bool = False
    before: str = ""
