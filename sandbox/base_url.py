"""Know the address at which the current caller reached the sandbox, for the links in what it creates."""

from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_base_url: ContextVar[str | None] = ContextVar("base_url", default=None)


class _Own:
    url = ""


def remember_base_url(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Remember the address of each request. A middleware."""

    def answer(http: HttpRequest) -> HttpResponse:
        _base_url.set(f"{http.scheme}://{http.get_host()}")
        return get_response(http)

    return answer


def set_own_url(url: str) -> None:
    """Set the address that the server announced, for what happens without a caller."""
    _Own.url = url


def get_base_url() -> str:
    return _base_url.get() or _Own.url
