"""Make the address that a code's QR shows."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse


def page_url() -> str:
    return f"{settings.SITE_URL}{reverse('credits-redeem')}"


def link_of(code: str) -> str:
    """Return the page's address with the code in its fragment: browsers send no fragment, so no log has the code."""
    return f"{page_url()}#{code}"
