"""Represent one number on an admin page, and a link to other numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A number; ``why`` defines it, ``more`` links to what was counted, ``before`` is the previous period's."""

    name: str
    value: str
    why: str
    more: str = ""
    is_urgent: bool = False
    before: str = ""


@dataclass(frozen=True)
class Choice:
    """A link to other figures."""

    name: Any
    url: str
    is_shown: bool
