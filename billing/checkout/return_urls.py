"""Where a checkout may send its buyer back to."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

from billing.errors import ReturnUrlNotAllowed

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
# Stripe takes addresses of 5,000 characters; percent-encoding makes three of one.
LONGEST_PATH = 1000


def default_success_url(back: str = "") -> str:
    """Our success page, which leads on to ``back``; Stripe puts the session's id in the placeholder's place."""
    return f"{settings.SITE_URL}/credits/success?session_id={SESSION_PLACEHOLDER}{_and_next(back)}"


def default_cancel_url(back: str = "") -> str:
    """Our shop, which says that nothing was charged, there or on the page ``back``."""
    return f"{settings.SITE_URL}/credits/?checkout=cancelled{_and_next(back)}"


def local_path(address: str) -> str:
    """Give the address back where it is a page of this site, by its path alone; anything else leads nowhere: empty."""
    is_path = address.startswith("/") and address.isprintable() and len(address) <= LONGEST_PATH
    return address if is_path and url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""


def _and_next(back: str) -> str:
    return f"&{urlencode({'next': back})}" if back else ""


def older_success_url() -> str:
    """Give the older front end's success page; empty, and so ours, where there is no such front end."""
    return (
        f"{settings.FRONTEND_URL}/credits/success?session_id={SESSION_PLACEHOLDER}"
        if settings.FRONTEND_URL
        else ""
    )


def older_cancel_url() -> str:
    return f"{settings.FRONTEND_URL}/credits" if settings.FRONTEND_URL else ""


def allowed_return_url(url: str) -> str:
    """``url``, when it is an absolute http(s) address on the site itself, the older front end's or on one of
    CHECKOUT_RETURN_HOSTS.

    Raises:
        ReturnUrlNotAllowed: anything else. A host with a port is allowed only when it is listed with that port.
    """
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        raise _refused(url)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _refused(url) from error
    site, front_end = urlsplit(settings.SITE_URL), urlsplit(settings.FRONTEND_URL)
    own = (parts.scheme, parts.netloc) in [
        (each.scheme, each.netloc) for each in (site, front_end) if each.netloc
    ]
    secure = parts.scheme == "https" or (parts.scheme == "http" and site.scheme == "http")
    if own or (secure and parts.netloc.lower() in settings.CHECKOUT_RETURN_HOSTS):
        return url
    raise _refused(url)


def _refused(url: str) -> ReturnUrlNotAllowed:
    return ReturnUrlNotAllowed(
        "This URL is neither on this site nor on a host in CHECKOUT_RETURN_HOSTS.", url=url[:200]
    )
