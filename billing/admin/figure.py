"""Represent one number on an admin page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A number; ``why`` defines it, ``more`` links to what was counted, ``before`` is the previous period's."""

    name: str
    value: str
    why: str
    more: str = ""
    is_urgent: bool = False
    before: str = ""
