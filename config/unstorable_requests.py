"""Refuse requests with text that PostgreSQL can't store: NUL and lone surrogates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from core.errors import DomainError
from core.problems import problem_response
from core.storable_text import is_storable

API = "/api/"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class UnstorableText(DomainError):
    """A request with a NUL or a lone surrogate, which are not valid text."""

    code = "unstorable_text"
    status = 400


class RefuseUnstorableText(MiddlewareMixin):
    """Middleware that answers 400 to such a character in the path, query, cookies or form. JSON fields check it too."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        texts = (request.path_info, *_pairs(request.GET.lists()), *request.COOKIES.values())
        return None if all(map(is_storable, texts)) else _refuse(request)

    def process_view(self, request: HttpRequest, *arguments: Any) -> HttpResponse | None:
        """Check a form here, after the CSRF check has read it. The APIs take no forms, and refuse them themselves."""
        if request.path_info.startswith(API):
            return None
        if request.content_type in FORMS and request.method == "POST":
            names = [file.name for _field, files in request.FILES.lists() for file in files]
            if not all(map(is_storable, (*_pairs(request.POST.lists()), *names))):
                return _refuse(request)
        return None


def _pairs(lists: Iterable[tuple[str, Iterable[object]]]) -> Iterator[Any]:
    for name, values in lists:
        yield name
        yield from values


def _refuse(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(API):
        return problem_response(
            UnstorableText("The request contains an invalid character: NUL or a lone surrogate.")
        )
    request.user = AnonymousUser()  # for any user: the refusal page must not read the session's cookie
    raise BadRequest("unstorable text")
