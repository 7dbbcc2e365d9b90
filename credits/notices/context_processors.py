"""What pages say about somebody's credits, wherever they are."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from credits.notices.low_balance import shown_notice


def notices(request: HttpRequest) -> dict[str, object]:
    """``low_balance``, read when a page shows it: the admin and the mails don't."""
    return {"low_balance": SimpleLazyObject(lambda: shown_notice(request))}
