"""Where a checkout may send its buyer back to."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from billing.errors import ReturnUrlNotAllowed

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


def default_success_url() -> str:
    """Our success page; Stripe puts the session's id in the placeholder's place."""
    return f"{settings.SITE_URL}/credits/success?session_id={SESSION_PLACEHOLDER}"


def default_cancel_url() -> str:
    return f"{settings.SITE_URL}/credits/?checkout=cancelled"


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
        "This address is not on the site nor on a host in CHECKOUT_RETURN_HOSTS.", url=url[:200]
    )
