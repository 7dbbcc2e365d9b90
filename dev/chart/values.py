"""Merge values as helm does."""

from __future__ import annotations

from typing import Any


def merge(values: Any, more: Any) -> Any:
    """Lay ``more`` over ``values``: mappings merge, everything else replaces."""
    if not isinstance(values, dict) or not isinstance(more, dict):
        return more
    return {**values, **{name: merge(values.get(name), value) for name, value in more.items()}}
