"""Counts visits that see the packages: where the way of a buyer begins."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from billing.reporting.daily_figures import count_visit
from core.days import day_of

SEEN = "packages_seen_on"


def note_visit(request: HttpRequest) -> None:
    """Once for each session and day. Who it was is not kept."""
    today = day_of(timezone.now()).isoformat()
    if request.session.get(SEEN) != today:
        count_visit()
        request.session[SEEN] = today
