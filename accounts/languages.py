"""Show pages and write emails in each user's own language.

A language that was chosen wins: it is kept with the account and, for visitors, in a cookie. Without one, pages follow
the browser, and emails the browser of the last sign-in; else both are in the site's language. The API answers in the
language that its client asks for. Services' calls skip all this (`core.service_fast_path`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from accounts.email_addresses import people_with
from accounts.errors import UnknownLanguage
from accounts.models import User

PROGRAMS = "/api/"


def language_of(user: User | None) -> str:
    """Return the language to write to the user in. The site's for None, and for one that the site no longer has."""
    known = dict(settings.LANGUAGES)
    wanted = (user.language, user.browser_language) if user else ()
    return next((code for code in wanted if code in known), settings.LANGUAGE_CODE)


def language_of_address(address: str, sender: User | None = None) -> str:
    """Return the language of the user with this email address. If no user has it, or several do, the sender's."""
    people = people_with(address)[:2]
    return language_of(people[0] if len(people) == 1 else sender)


def choose_language(user: User, code: str) -> None:
    """Save the language to show pages and write emails in.

    Raises:
        UnknownLanguage: not one to choose from.
    """
    require_known(code)
    user.language = code
    user.save(update_fields=["language"])


def require_known(code: str) -> None:
    if code not in dict(settings.LANGUAGES):
        raise UnknownLanguage(_("Choose a language from the list."))


def keep_from_sign_in(sender: object, request: HttpRequest, user: User, **signal: Any) -> None:
    """Keep the language in which a user signs in. One that they had chosen before is their choice from now on."""
    code = translation.get_language() or settings.LANGUAGE_CODE
    is_chosen = not user.language and settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    field = "language" if is_chosen else "browser_language"
    if getattr(user, field) != code:
        setattr(user, field, code)
        User.objects.filter(pk=user.pk, erased_at__isnull=True).update(**{field: code})


class ActivateLanguage:
    """Middleware that shows pages in the reader's language.

    Unlike Django's, it restores the thread's language afterwards, as the next request may skip it. Requests without a
    session cost no query.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with translation.override(_wanted(request)):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language())
        patch_vary_headers(response, ("Accept-Language",))
        return response


def _wanted(request: HttpRequest) -> str:
    if not request.path.startswith(PROGRAMS) and isinstance(request.user, User):
        chosen = request.user.language
        if chosen in dict(settings.LANGUAGES):
            return chosen
    return translation.get_language_from_request(request)
