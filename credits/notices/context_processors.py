"""Provide the credits notices that any page may show."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from credits.notices.low_balance import shown_notice


def notices(request: HttpRequest) -> dict[str, object]:
    """Return ``low_balance``, read only when a page shows it: the admin and emails don't."""
    return {"low_balance": SimpleLazyObject(lambda: shown_notice(request))}
