"""Count visits to the packages, where the conversion funnel begins."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from billing.reporting.daily_figures import count_visit
from core.days import day_of

SEEN = "packages_seen_on"


def note_visit(request: HttpRequest) -> None:
    """Count a visit once per session and day, without recording who it was."""
    today = day_of(timezone.now()).isoformat()
    if request.session.get(SEEN) != today:
        count_visit()
        request.session[SEEN] = today
