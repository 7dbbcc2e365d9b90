"""Tell the requests that programs repeat all the time, and that say nothing of how users fare."""

from __future__ import annotations

from django.http import HttpRequest

ROUTINE = ("/health/", "/metrics", "/static/")


def is_routine(request: HttpRequest) -> bool:
    """Return whether this is a probe, a scrape or a static file."""
    return request.path_info.startswith(ROUTINE)
