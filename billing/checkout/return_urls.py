"""Decide where a checkout may send its buyer back to."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

from billing.errors import ReturnUrlNotAllowed

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
# Stripe takes URLs of 5,000 characters, and percent-encoding triples a character.
LONGEST_PATH = 1000


def default_success_url(back: str = "") -> str:
    """Return our success page, which links to ``back``; Stripe replaces the placeholder with the session id."""
    return f"{settings.SITE_URL}/credits/success?session_id={SESSION_PLACEHOLDER}{_and_next(back)}"


def default_cancel_url(back: str = "") -> str:
    """Return our purchase page, which says, there or on the page ``back``, that nothing was charged."""
    return f"{settings.SITE_URL}/credits/?checkout=cancelled{_and_next(back)}"


def local_path(address: str) -> str:
    """Return the address if it is a path on this site, else an empty string."""
    is_path = address.startswith("/") and address.isprintable() and len(address) <= LONGEST_PATH
    return address if is_path and url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""


def _and_next(back: str) -> str:
    return f"&{urlencode({'next': back})}" if back else ""


def older_success_url() -> str:
    """Return the older front end's success page; empty, meaning ours, if there is no such front end."""
    return (
        f"{settings.FRONTEND_URL}/credits/success?session_id={SESSION_PLACEHOLDER}"
        if settings.FRONTEND_URL
        else ""
    )


def older_cancel_url() -> str:
    return f"{settings.FRONTEND_URL}/credits" if settings.FRONTEND_URL else ""


def allowed_return_url(url: str) -> str:
    """Return ``url`` if it is an absolute http(s) URL on this site, the older front end or CHECKOUT_RETURN_HOSTS.

    Raises:
        ReturnUrlNotAllowed: anything else. A host with a port must be listed with that port.
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
