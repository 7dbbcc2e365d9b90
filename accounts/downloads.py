"""Add a button to an admin list that downloads the listed rows as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR
from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.audit.models import HIDDEN
from accounts.audit.recording import record_act
from core.database.replica.reading import keep_reading, read_from_replica

# Parameters of a list's URL that change how rows are shown, not which.
HOW_IT_IS_SHOWN = {PAGE_VAR, ORDER_VAR, ALL_VAR}


class DownloadableList:
    """A mixin for an admin whose list can be downloaded: all pages of the rows that search and filters leave.

    The admin names the permission (`download_permission`) and the file, and writes its lines.
    """

    actions_list = ["download"]
    download_permission: str
    download_name: str
    model: type[Model]

    def lines_of(self, rows: QuerySet[Any]) -> Iterator[str]:
        """Yield the file in pieces."""
        raise NotImplementedError

    def has_download_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(self.download_permission)

    @action(description=_("Download CSV"), url_path="download", permissions=["download"])  # type: ignore[untyped-decorator]  # unfold's
    def download(self, request: HttpRequest) -> StreamingHttpResponse:
        record_download(request, self.model, self.download_name)
        return read_from_replica(
            request, lambda: as_file(self.download_name, self.lines_of(_listed(self, request)))
        )

    def show_list(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        page: HttpResponse = super().show_list(request, extra_context)  # type: ignore[misc]  # an admin's
        if isinstance(page, TemplateResponse) and page.context_data is not None:
            for button in page.context_data.get("actions_list", []):
                button["path"] = _with_the_lists_query(button["path"], request)
        return page


def as_file(name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Return a CSV file that is sent while it is written, and read from where the current block reads."""
    return StreamingHttpResponse(
        keep_reading(lines),
        content_type="text/csv; charset=utf-8",
        headers=file_headers(f"{name}-{timezone.now():%Y-%m-%d}.csv"),
    )


def file_headers(name: str) -> dict[str, str]:
    """Return the headers of a response that is saved as ``name`` and never cached."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


def record_download(request: HttpRequest, about: Model | type[Model], file: str) -> None:
    """Record a download and its parameters before the first byte, without email addresses: it outlives the users."""
    asked = {name: HIDDEN if "@" in value else value for name, value in _asked_for(request)}
    record_act("downloaded", about, {"file": file, **asked})


def _listed(page: Any, request: HttpRequest) -> QuerySet[Any]:
    """Return the rows that the list shows for this URL.

    Raises:
        BadRequest: an unknown filter.
    """
    try:
        rows: QuerySet[Any] = page.get_changelist_instance(request).queryset
    except IncorrectLookupParameters as error:
        raise BadRequest(str(error)) from error
    return rows


def _with_the_lists_query(path: str, request: HttpRequest) -> str:
    query = urlencode(_asked_for(request))
    return f"{path}?{query}" if query else path


def _asked_for(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the parameters that select rows."""
    return [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if name not in HOW_IT_IS_SHOWN
    ]
