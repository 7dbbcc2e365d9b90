"""The button above a list that gives all of it as a file."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Model
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts.audit.recording import record_act


def may_download(request: HttpRequest) -> bool:
    return request.user.has_perm("billing.download_sales")


def as_file(
    request: HttpRequest, about: type[Model], name: str, lines: Iterator[str]
) -> StreamingHttpResponse:
    """Who takes data out, and what they asked for, is on record before the first byte is sent."""
    record_act("downloaded", about, {"file": name, **request.GET.dict()})
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{timezone.now():%Y-%m-%d}.csv"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
