"""Return users to their form after a session has ended during a click.

The click is lost with the session, and signing in continues with a GET. So a view that takes forms declares what to
press again and, if it takes only forms, on which page (`posted_from`); both ways of signing in then ask `resume` where
to continue. No input is kept: another user may sign in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

MARK = "again"  # in the query of a URL to which a form was sent
KEPT = ("next", "token")  # parameters of a form that identify its page
GENERAL = _("You were signed out, so nothing was changed. Please try again.")

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Origin:
    """The page of a form, as a route name with the parameters taken from the form's URL, and what to press there."""

    again: _StrPromise
    page: str
    named: tuple[str, ...]


def posted_from(again: _StrPromise, page: str = "", *named: str) -> Callable[[View], View]:
    """Declare what to press again after signing in, and on which page; without a page, on the view's own."""

    def declare(view: View) -> View:
        view.posted_from = Origin(again, page, named)  # type: ignore[attr-defined]
        return view

    return declare


def resume(request: HttpRequest, next_url: str) -> str:
    """Return the URL to continue with after signing in; add a message on what to press if a click was lost."""
    address = urlsplit(next_url)
    query = QueryDict(address.query, mutable=True)
    pressed = query.pop(MARK, None)
    match = _match(address.path)
    origin: Origin | None = getattr(match.func, "posted_from", None) if match else None
    if match and origin and origin.page:
        messages.info(request, origin.again)
        back = query.get("next", "")
        named = {name: match.kwargs[name] for name in origin.named}
        return back if is_own_address(request, back) else reverse(origin.page, kwargs=named)
    if pressed is None:
        return next_url
    messages.info(request, origin.again if origin else GENERAL)
    return address._replace(query=query.urlencode(safe="/")).geturl()


def is_own_address(request: HttpRequest, address: str) -> bool:
    """Return whether a URL from a request leads to this site."""
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


class ResumeForms(MiddlewareMixin):
    """Middleware that marks a lost form for the sign-in. It sends htmx to a full page, not into a part of one."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        by_htmx = "HX-Request" in request.headers
        if not (by_htmx or request.method == "POST") or not _asks_to_sign_in(response):
            return response
        sign_in = redirect_to_login(
            _address_of_the_form(request, by_htmx=by_htmx), urlsplit(response.headers["Location"]).path
        )
        return HttpResponse(headers={"HX-Redirect": sign_in.url}) if by_htmx else sign_in


def _asks_to_sign_in(response: HttpResponse) -> bool:
    if "Location" not in response.headers:
        return False
    address = urlsplit(response.headers["Location"])
    return address.path in (reverse("accounts:login"), reverse("admin:login")) and "next" in QueryDict(
        address.query
    )


def _address_of_the_form(request: HttpRequest, *, by_htmx: bool) -> str:
    """Return the form's URL; for htmx that of its page, as its own URL is a part of a page."""
    current = request.headers.get("HX-Current-URL", "")
    address = urlsplit(current if by_htmx and is_own_address(request, current) else request.get_full_path())
    query = QueryDict(address.query, mutable=True)
    if request.method == "POST":
        query.update({name: request.POST[name] for name in KEPT if name in request.POST})
        query[MARK] = "1"
    encoded = query.urlencode(safe="/")
    return f"{address.path}?{encoded}" if encoded else address.path


def _match(path: str) -> ResolverMatch | None:
    try:
        return resolve(path)
    except Resolver404:
        return None
