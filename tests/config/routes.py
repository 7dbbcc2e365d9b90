"""Every address of the site, with sample values for what it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

NOBODY = "00000000-0000-4000-8000-00000000dead"
VALUES = {"uuid": NOBODY, "int": "1", "slug": "sales", "str": "x", "path": "x"}
NAMED = re.compile(r"<(?:(?P<kind>\w+):)?\w+>")
# Regular expressions of Django's and unfold's own: what stands in for what they ask for.
GROUPS = re.compile(r"\(\?P<\w+>[^)]*\)")


def every_route(resolver: Any = None, before: str = "/") -> Iterator[tuple[str, Any]]:
    """Each address that leads to a view, and the view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + as_address(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from every_route(pattern, address)
        elif isinstance(pattern, URLPattern):
            yield address, pattern.callback


def as_address(route: str) -> str:
    named = NAMED.sub(lambda found: VALUES[found["kind"] or "str"], route)
    return GROUPS.sub("x", named).lstrip("^").rstrip("$").replace("/?", "/").replace("\\Z", "")
