"""Provide values to every template."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Return ``SITE_NAME``, the support address, whether this is the demo, which pages then say, and the languages
    by their own names.
    """
    return {
        "SITE_NAME": settings.SITE_NAME,
        "SUPPORT_EMAIL": settings.SUPPORT_EMAIL,
        "DEMO": settings.DEMO,
        "LANGUAGES": settings.LANGUAGES,
    }
