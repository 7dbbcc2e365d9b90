"""The button above a list that gives all of it as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import structlog
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.models import User

log = structlog.get_logger(__name__)


def may_download(request: HttpRequest) -> bool:
    return request.user.has_perm("billing.download_sales")


def as_file(request: HttpRequest, name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Who takes data out is on record in the log."""
    log.info("downloaded", what=name, user=str(cast(User, request.user).pk))
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{timezone.now():%Y-%m-%d}.csv"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
