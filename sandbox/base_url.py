"""Know the address at which the current caller reached the sandbox, for the links in what it is answered."""

from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_base_url: ContextVar[str] = ContextVar("base_url")


def remember_base_url(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Remember the address of each request. A middleware."""

    def answer(http: HttpRequest) -> HttpResponse:
        _base_url.set(f"{http.scheme}://{http.get_host()}")
        return get_response(http)

    return answer


def get_base_url() -> str:
    return _base_url.get()
