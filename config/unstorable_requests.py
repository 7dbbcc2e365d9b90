"""Refuses requests that hold text which PostgreSQL can't keep: NUL, and halves of characters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from core.errors import DomainError
from core.problems import problem_response
from core.storable_text import is_storable

API = "/api/"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class UnstorableText(DomainError):
    """A request holds a NUL or half a character, which no text has."""

    code = "unstorable_text"
    status = 400


class RefuseUnstorableText:
    """Refuses a request with such a character in its path, query, cookies or form: 400, whatever the view would do.

    Bodies of JSON are their fields' to look at, which name what is wrong.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if all(
            map(is_storable, (request.path_info, *_pairs(request.GET.lists()), *request.COOKIES.values()))
        ):
            return self.get_response(request)
        return _refuse(request)

    def process_view(self, request: HttpRequest, *arguments: Any) -> HttpResponse | None:
        """Here and not above, for the CSRF check reads a form first. The APIs take none, and say so themselves."""
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
    request.user = (
        AnonymousUser()
    )  # whoever it is: the page of the refusal must not look into the session's cookie
    raise BadRequest("unstorable text")
